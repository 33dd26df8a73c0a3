"""A client of Tryton 8's JSON-RPC: sign in for a session, read pages by id, classify errors.

Traps of a real server: the address is `/<database>/rpc/`; errors come with status 200; a large
answer is gzip whether requested or not, so gzip is always accepted; failed logins are counted and
lead to 429 for the length of a session, so a refused login is never repeated.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from integrations.connectors.tryton.mapping import to_raw_record, tryton_datetime
from integrations.contract import Access, Cursor, Expired, Fatal, Page, Retry, Stream
from integrations.rest.auth import as_fatal
from integrations.rest.egress import Answer, Egress
from integrations.rest.envelope import class_of_status, make_failure, retry_after
from integrations.rest.retry_policy import call_with_retries

MODEL = "model.party.party"
_DATED_PARTS = ("contact_mechanisms", "addresses", "identifiers")
FIELDS = [
    *("name", "code", "active", "create_date", "write_date", "categories.name"),
    *(f"contact_mechanisms.{name}" for name in ("type", "value", "name", "active")),
    *(f"addresses.{name}" for name in ("street", "city", "full_address")),
    *(f"identifiers.{name}" for name in ("type", "code")),
    *(f"{part}.{stamp}" for part in _DATED_PARTS for stamp in ("create_date", "write_date")),
]


def pages(
    access: Access, stream: Stream, since: Cursor, *, url: str, database: str, page_size: int
) -> Iterator[Page]:
    """Yield the parties from the cursor on, in the order of their ids. Raises `Failure`."""
    egress = Egress(url, allow_private_hosts=access.allow_private_hosts, timeout=access.timeout)
    try:
        tryton = Tryton(access, egress, database)
        changed = _changed_domain(since.since, stream.cursor.overlap_seconds)
        total = tryton.call(f"{MODEL}.search_count", changed)
        position = since.position or {"after": 0}
        while True:
            rows = tryton.call(
                f"{MODEL}.search_read",
                [["id", ">", position["after"]], *changed],
                0,
                page_size,
                [["id", "ASC"]],
                FIELDS,
            )
            if not isinstance(rows, list):
                raise _not_tryton("search_read returned no list")
            last = len(rows) < page_size
            following = None if last else {"after": rows[-1]["id"]}
            yield Page(
                records=tuple(to_raw_record(row) for row in rows),
                next=following,
                watermark=(tryton.time or datetime.now(UTC)).isoformat(),
                total=int(total),
                source_time=tryton.time,
            )
            if following is None:
                return
            position = following
    finally:
        egress.close()


def _changed_domain(since: Any, overlap_seconds: int) -> list[Any]:
    """Return the search domain for parties that changed, themselves or any of their parts.

    Inactive ones are included explicitly, since Tryton omits them otherwise and a deactivation
    would go unnoticed.
    """
    domain: list[Any] = [["active", "in", [True, False]]]
    if since is None:
        return domain
    moment = tryton_datetime(
        datetime.fromisoformat(str(since)) - timedelta(seconds=overlap_seconds)
    )
    stamps = ["write_date", "create_date"]
    stamps += [
        f"{part}.{stamp}" for part in _DATED_PARTS for stamp in ("write_date", "create_date")
    ]
    return [*domain, ["OR", *([stamp, ">=", moment] for stamp in stamps)]]


class Tryton:
    """A client of one database that signs in at its first call."""

    def __init__(self, access: Access, egress: Egress, database: str) -> None:
        self._access = access
        self._egress = egress
        self._path = f"/{quote(database, safe='')}/rpc/"
        self._session: str | None = None
        self.time: datetime | None = None
        """The time by the server's clock at its last answer."""

    def call(self, method: str, *params: Any) -> Any:
        """Return the result of a method, retried while the server is busy. Raises `Failure`."""
        return call_with_retries(self._access, lambda: self._call_renewing(method, params))

    def _call_renewing(self, method: str, params: tuple[Any, ...]) -> Any:
        try:
            return self._call_once(method, [*params, {}])
        except Expired:
            self._session = None
        try:
            return self._call_once(method, [*params, {}])
        except Expired as problem:
            raise as_fatal(problem) from problem

    def _call_once(self, method: str, params: list[Any]) -> Any:
        if self._session is None:
            self._session = self._login()
        answer = self._post(method, params, {"Authorization": f"Session {self._session}"})
        return self._result(answer)

    def _login(self) -> str:
        credentials = self._access.credentials
        name = credentials["username"]
        params = [name, {"password": credentials["password"]}, "en"]
        answer = self._post("common.db.login", params, {})
        if answer.status in (401, 403):
            raise _refused(f"status {answer.status}")
        result = self._result(answer)
        if not isinstance(result, list) or len(result) < 2:
            raise _refused("no session was returned")
        return base64.b64encode(f"{name}:{result[0]}:{result[1]}".encode()).decode()

    def _post(self, method: str, params: list[Any], headers: dict[str, str]) -> Answer:
        self._access.budget.spend()
        self._access.calls += 1
        body = {"id": self._access.calls, "method": method, "params": params}
        return self._egress.send("POST", self._path, headers=headers, body=body)

    def _result(self, answer: Answer) -> Any:
        self.time = answer.time
        if answer.status == 404:
            raise Fatal(
                "NO_DATABASE",
                "The server has no such database (status 404).",
                "服务器上没有该数据库（状态 404）。",
                fix_en="Check `database`, and that `url` is the address of a Tryton 8 server.",
                fix_zh="请检查 `database`，并确认 `url` 是 Tryton 8 服务器地址。",
            )
        if answer.status != 200:
            kind = class_of_status(answer.status)
            raise make_failure(kind, f"status {answer.status}", retry_after(answer.headers))
        body = answer.json()
        if not isinstance(body, dict) or not ("result" in body or "error" in body):
            raise _not_tryton("neither result nor error")
        if body.get("error"):
            raise _error(body["error"])
        return body["result"]


def _error(error: Any) -> Fatal | Retry:
    """Return the failure of an error, which comes with status 200 as `[kind, detail]`."""
    kind = str(error[0] if isinstance(error, list) and error else error)[:80]
    if kind in ("ConcurrencyException", "OperationalError"):
        return Retry("SOURCE_BUSY", f"Tryton is busy ({kind}).", f"Tryton 正忙（{kind}）。")
    if kind in ("AccessError", "AccessButtonError", "403"):
        return Fatal(
            "NO_ACCESS",
            "The user may not read parties in Tryton.",
            "该用户在 Tryton 中没有读取往来单位的权限。",
            fix_en="Give the user read access to Party, its addresses, identifiers and contacts.",
            fix_zh="请为该用户授予往来单位及其地址、标识和联系方式的读取权限。",
        )
    return Fatal(
        "SOURCE_REFUSED",
        f"Tryton refuses the request ({kind}).",
        f"Tryton 拒绝了请求（{kind}）。",
        fix_en="Check that the module `party` is activated and the server is version 8.",
        fix_zh="请确认已启用 party 模块，且服务器版本为 8。",
    )


def _refused(detail: str) -> Fatal:
    return Fatal(
        "SIGN_IN_REFUSED",
        f"Tryton does not accept this user and password ({detail}).",
        f"Tryton 不接受该用户名或密码（{detail}）。",
        fix_en="Enter username and password again. Repeated failures lock the user for a while.",
        fix_zh="请重新填写用户名和密码。多次错误会导致该用户被暂时锁定。",
    )


def _not_tryton(detail: str) -> Fatal:
    return Fatal(
        "NOT_TRYTON",
        f"The answer is not Tryton's JSON-RPC ({detail}).",
        f"返回内容不符合 Tryton 的 JSON-RPC 格式（{detail}）。",
        fix_en="Check that `url` is the address of a Tryton 8 server, without a path.",
        fix_zh="请确认 `url` 是 Tryton 8 服务器地址，且不含路径。",
    )
