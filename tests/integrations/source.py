"""A source as sources are: a JSON API with paging, budgets, tokens that end, and bad days.

It keeps a journal of every request, so that a test can say what was asked and how often. Faults are
armed by the number of the request they shall meet.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

Fault = Callable[[Request], Response | None]


@dataclass
class FakeSource:
    """Some customers behind an API that says `{errcode, data: {rows, count}}`."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    page_size: int = 100
    journal: list[dict[str, str]] = field(default_factory=list)
    faults: dict[int, Fault] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=lambda: {"t0"})
    logins: int = 0
    count: int | None = None
    delay: float = 0.0
    loop: bool = False

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/customers", self._list),
                Route("/keyset", self._keyset),
                Route("/cursor", self._cursor),
                Route("/link", self._link),
                Route("/login", self._login, methods=["POST"]),
                Route("/oauth", self._oauth, methods=["POST"]),
                Route("/elsewhere", self._elsewhere),
                Route("/here", self._here),
                Route("/big", self._big),
            ]
        )

    def fill(self, count: int, start: int = 1) -> None:
        self.rows += [a_row(number) for number in range(start, start + count)]

    async def _fault(self, request: Request) -> Response | None:
        self.journal.append(dict(request.query_params) | {"path": request.url.path})
        if self.delay:
            await asyncio.sleep(self.delay)
        fault = self.faults.pop(len(self.journal), None)
        if fault is not None:
            answer = fault(request)
            if answer is not None:
                return answer
        said = request.headers.get("authorization", "").removeprefix("Bearer ")
        if said not in self.tokens:
            return JSONResponse({"errcode": 401, "errmsg": "who are you"}, 401)
        return None

    def _changed(self, request: Request) -> list[dict[str, Any]]:
        since = request.query_params.get("updated_since")
        return [row for row in self.rows if since is None or row["updated_at"] >= since]

    async def _list(self, request: Request) -> Response:
        if answer := await self._fault(request):
            return answer
        page = 1 if self.loop else int(request.query_params.get("page", "1"))
        size = int(request.query_params.get("size", self.page_size))
        rows = self._changed(request)
        count = len(rows) if self.count is None else self.count
        return self._rows(rows[(page - 1) * size : page * size], {"count": count})

    async def _keyset(self, request: Request) -> Response:
        if answer := await self._fault(request):
            return answer
        after = int(request.query_params.get("after", "0"))
        size = int(request.query_params.get("size", self.page_size))
        return self._rows([row for row in self.rows if row["id"] > after][:size])

    async def _cursor(self, request: Request) -> Response:
        if answer := await self._fault(request):
            return answer
        at = int(request.query_params.get("cursor", "0"))
        more = at + self.page_size < len(self.rows)
        following = "0" if self.loop else str(at + self.page_size)
        return self._rows(
            self.rows[at : at + self.page_size], {"next": following if more else None}
        )

    async def _link(self, request: Request) -> Response:
        if answer := await self._fault(request):
            return answer
        at = int(request.query_params.get("at", "0"))
        answer = self._rows(self.rows[at : at + self.page_size])
        if at + self.page_size < len(self.rows):
            base = str(request.url.replace(query=f"at={at + self.page_size}"))
            answer.headers["link"] = f'<{base}>; rel="next"'
        return answer

    async def _login(self, request: Request) -> Response:
        self.logins += 1
        if (await request.json()).get("password") != "right":
            return JSONResponse({"errcode": 1}, 403)
        return JSONResponse({"errcode": 0, "token": self._new_token()})

    async def _oauth(self, request: Request) -> Response:
        self.logins += 1
        return JSONResponse({"access_token": self._new_token(), "expires_in": 3600})

    def _new_token(self) -> str:
        token = f"t{self.logins}"
        self.tokens.add(token)
        return token

    async def _elsewhere(self, _: Request) -> Response:
        return Response(status_code=302, headers={"location": "http://elsewhere.example/x"})

    async def _here(self, _: Request) -> Response:
        return Response(status_code=302, headers={"location": "/customers"})

    async def _big(self, _: Request) -> Response:
        return PlainTextResponse("x" * 3_000_000)

    def _rows(self, rows: list[dict[str, Any]], more: dict[str, Any] | None = None) -> Response:
        return JSONResponse({"errcode": 0, "data": {"rows": rows} | (more or {})})


def a_row(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "name": f"示例{number}号贸易有限公司",
        "phone": f"138{number:08}",
        "updated_at": "2026-01-01T00:00:00Z",
    } | more


def throttled(after: str | None = "0") -> Fault:
    headers = {"retry-after": after} if after is not None else {}
    return lambda _: JSONResponse({"errmsg": "slow down"}, 429, headers)


def failing(status: int = 500) -> Fault:
    return lambda _: PlainTextResponse("<html>oops</html>", status)


def refusing(code: int) -> Fault:
    """Status 200 and an error in the body."""
    return lambda _: JSONResponse({"errcode": code, "errmsg": "not now"})


def truncated() -> Fault:
    text = json.dumps({"errcode": 0, "data": {"rows": [{"id": 1, "name": "x"}]}})
    return lambda _: Response(text[: len(text) // 2], media_type="application/json")


def without_rows() -> Fault:
    return lambda _: JSONResponse({"errcode": 0, "data": {"items": []}})


def expired(source: FakeSource) -> Fault:
    def fault(_: Request) -> Response | None:
        source.tokens.clear()
        return None

    return fault


def a_spec(base_url: str, **more: Any) -> dict[str, Any]:
    """The spec of this source; `more` changes it, `stream` changes its one stream."""
    stream = {
        "name": "customers",
        "request": {"path": "/customers"},
        "records_path": "data.rows",
        "count_path": "data.count",
        "key": "id",
        "pager": {"type": "page", "param": "page", "size_param": "size", "size": 100},
        "cursor": {"mode": "updated_since", "param": "updated_since", "overlap_seconds": 60},
        "mapping": {
            "observed_at": {"from": "updated_at", "via": ["iso_time"]},
            "deleted_when": "gone == `true`",
            "fields": {"name": {"from": "name", "required": True}, "phone": "phone"},
        },
    } | more.pop("stream", {})
    return {
        "id": "fake-crm",
        "version": 1,
        "title": {"en": "Fake CRM", "zh": "模拟 CRM"},
        "protocol": "http",
        "base_url": base_url,
        "auth": {"scheme": "bearer", "token": "{credentials.token}"},
        "envelope": {
            "success_when": "status == `200` && body.errcode == `0`",
            "code_path": "errcode",
            "message_path": "errmsg",
            "classify": [{"when": "body.errcode == `45009`", "as": "throttle", "wait": 0}],
        },
        "streams": [stream],
    } | more
