"""Speaks Tryton 8's JSON-RPC: signs in for a session, asks for pages by id, and takes the errors
that come with status 200 for what they are.

Traps met on a real server: the address is `/<database>/rpc/`; a large answer claims to be gzip
whether asked for or not, so gzip is always accepted; failed logins are counted and lead to 429 for
the length of a session, so a refused login is never repeated.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from integrations.connectors.tryton.mapping import party, wire
from integrations.contract import Access, Cursor, Expired, Fatal, Page, Retry, Stream
from integrations.rest.auth import never_accepted
from integrations.rest.egress import Answer, Egress
from integrations.rest.envelope import by_status, failure, retry_after
from integrations.rest.retry_policy import patiently

MODEL = "model.party.party"
_DATED = ("contact_mechanisms", "addresses", "identifiers")
FIELDS = [
    *("name", "code", "active", "create_date", "write_date", "categories.name"),
    *(f"contact_mechanisms.{name}" for name in ("type", "value", "name", "active")),
    *(f"addresses.{name}" for name in ("street", "city", "full_address")),
    *(f"identifiers.{name}" for name in ("type", "code")),
    *(f"{part}.{stamp}" for part in _DATED for stamp in ("create_date", "write_date")),
]


def pages(
    access: Access, stream: Stream, since: Cursor, *, url: str, database: str, page_size: int
) -> Iterator[Page]:
    """The parties from the cursor on, in the order of their ids."""
    egress = Egress(url, allow_private_hosts=access.allow_private_hosts, timeout=access.timeout)
    try:
        tryton = Tryton(access, egress, database)
        changed = _changed(since.since, stream.cursor.overlap_seconds)
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
                raise _not_tryton("search_read gave no list")
            last = len(rows) < page_size
            following = None if last else {"after": rows[-1]["id"]}
            yield Page(
                records=tuple(party(row) for row in rows),
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


def _changed(since: Any, overlap_seconds: int) -> list[Any]:
    """Parties that changed, or had anything of theirs change. Inactive ones are asked for by name,
    since Tryton leaves them out otherwise and a departure would go unnoticed."""
    domain: list[Any] = [["active", "in", [True, False]]]
    if since is None:
        return domain
    moment = wire(datetime.fromisoformat(str(since)) - timedelta(seconds=overlap_seconds))
    stamps = ["write_date", "create_date"]
    stamps += [f"{part}.{stamp}" for part in _DATED for stamp in ("write_date", "create_date")]
    return [*domain, ["OR", *([stamp, ">=", moment] for stamp in stamps)]]


class Tryton:
    """A signed-in caller of one database."""

    def __init__(self, access: Access, egress: Egress, database: str) -> None:
        self._access = access
        self._egress = egress
        self._path = f"/{quote(database, safe='')}/rpc/"
        self._session: str | None = None
        self.time: datetime | None = None
        """The server's clock at its last answer."""

    def call(self, method: str, *params: Any) -> Any:
        """The result of a method, repeated while the server is only busy."""
        return patiently(self._access, lambda: self._signed_in(method, params))

    def _signed_in(self, method: str, params: tuple[Any, ...]) -> Any:
        try:
            return self._ask(method, [*params, {}])
        except Expired:
            self._session = None
        try:
            return self._ask(method, [*params, {}])
        except Expired as problem:
            raise never_accepted(problem) from problem

    def _ask(self, method: str, params: list[Any]) -> Any:
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
            raise _refused("no session was given")
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
            kind = by_status(answer.status)
            raise failure(kind, f"status {answer.status}", retry_after(answer.headers))
        said = answer.json()
        if not isinstance(said, dict) or not ("result" in said or "error" in said):
            raise _not_tryton("neither result nor error")
        if said.get("error"):
            raise _error(said["error"])
        return said["result"]


def _error(said: Any) -> Fatal | Retry:
    """Errors come with status 200, as `[kind, detail]`."""
    kind = str(said[0] if isinstance(said, list) and said else said)[:80]
    if kind in ("ConcurrencyException", "OperationalError"):
        return Retry("SOURCE_BUSY", f"Tryton was busy ({kind}).", f"Tryton 正忙（{kind}）。")
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


def _refused(said: str) -> Fatal:
    return Fatal(
        "SIGN_IN_REFUSED",
        f"Tryton does not accept this user and password ({said}).",
        f"Tryton 不接受该用户名或密码（{said}）。",
        fix_en="Enter username and password again. Repeated wrong ones lock the user for a while.",
        fix_zh="请重新填写用户名和密码。多次错误会导致该用户被暂时锁定。",
    )


def _not_tryton(said: str) -> Fatal:
    return Fatal(
        "NOT_TRYTON",
        f"The answer is not one of Tryton's JSON-RPC ({said}).",
        f"返回内容不符合 Tryton 的 JSON-RPC 格式（{said}）。",
        fix_en="Check that `url` is the address of a Tryton 8 server, without a path.",
        fix_zh="请确认 `url` 是 Tryton 8 服务器地址，且不含路径。",
    )
