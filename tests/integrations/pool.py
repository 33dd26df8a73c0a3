"""A stand-in for the services beyond the HTTP seam: identity's signIn and customers' absorb.

It keeps customers by external id and counts what it was asked, so that a test can say that nothing
was lost and nothing came twice.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route


@dataclass
class FakePool:
    """What customers would know."""

    customers: dict[str, dict[str, Any]] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    down: int = 0
    broken: Callable[[dict[str, Any]], bool] = lambda _: False
    tokens: set[str] = field(default_factory=set)
    sign_ins: int = 0
    password: str = "service-pass"
    delay: float = 0.0

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/graphql", self._graphql, methods=["POST"])])

    async def _graphql(self, request: Request) -> Response:
        if self.down > 0:
            self.down -= 1
            return PlainTextResponse("down", 503)
        asked = await request.json()
        if "signIn" in asked["query"]:
            return self._sign_in(asked["variables"])
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return _error("UNAUTHENTICATED")
        self.headers.append(dict(request.headers))
        if self.delay:
            await asyncio.sleep(self.delay)
        return self._absorb(asked["variables"])

    def _sign_in(self, said: dict[str, Any]) -> Response:
        self.sign_ins += 1
        if said["password"] != self.password:
            problem = {"code": "UNAUTHENTICATED", "message": "no"}
            return _data({"signIn": {"accessToken": None, "errors": [problem]}})
        token = secrets.token_hex(4)
        self.tokens.add(token)
        return _data({"signIn": {"accessToken": token, "errors": []}})

    def _absorb(self, said: dict[str, Any]) -> Response:
        if any(self.broken(record) for record in said["records"]):
            return _error("INTERNAL")
        if not said["dryRun"]:
            self.batches.append(len(said["records"]))
        return _data(
            {
                "absorb": {
                    "outcomes": [self._take(each, said["dryRun"]) for each in said["records"]],
                    "errors": [],
                }
            }
        )

    def _take(self, record: dict[str, Any], dry_run: bool) -> dict[str, Any]:
        key = record["externalId"]
        outcome = {"externalId": key, "customerId": self.ids.get(key), "changedFields": []}
        if "poison" in record["fields"].get("name", ""):
            error = {"code": "BAD_INPUT", "message": "name is poison", "path": ["name"]}
            return outcome | {"outcome": "REJECTED", "errors": [error]}
        known = self.customers.get(key)
        now = {"fields": record["fields"], "contacts": record["contacts"]}
        now |= {"deleted": record["deleted"], "observedAt": record["observedAt"]}
        same = known is not None and known | {"observedAt": 0} == now | {"observedAt": 0}
        word = "CREATED" if known is None else "UNCHANGED" if same else "UPDATED"
        if dry_run:
            return outcome | {"outcome": word}
        self.customers[key] = now
        if known is None:
            self.created.append(key)
            self.ids[key] = str(uuid4())
        elif not same:
            self.updated.append(key)
        return outcome | {"outcome": word, "customerId": self.ids[key]}


def _data(data: dict[str, Any]) -> Response:
    return JSONResponse({"data": data})


def _error(code: str) -> Response:
    return JSONResponse({"errors": [{"message": code, "extensions": {"code": code}}]})
