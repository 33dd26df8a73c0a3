"""A client of the subgraph, under a policy, with real stores behind."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

from chassis.actor import Actor
from chassis.api.context import Context
from chassis.api.schema import Api
from chassis.db import Database
from chassis.facts.stream import Received
from integrations import facts
from integrations.schema import schema
from tests.integrations.house import ENGINEER, LIN, SALES, WANG, House, a_guard
from tests.integrations.source import FakeSource, a_spec


class Client:
    """Asks the schema as one person."""

    def __init__(self, house: House, db: Database, asked: list[str]) -> None:
        self._house = house
        self._db = db
        self._api = Api(schema)
        self.statements = asked

    async def ask(
        self, text: str, variables: dict[str, Any] | None = None, who: UUID = ENGINEER, **more: Any
    ) -> dict[str, Any]:
        context: Context = Context(
            db=self._db,
            guard=a_guard(),
            actor=Actor(who, locale=more.get("locale", "en")),
            locale=more.get("locale", "en"),
            runtime=SimpleNamespace(settings=self._house.runtime.settings),
        )
        self.context = context
        self.statements.clear()
        return await self._api.answer(text, variables, None, context)

    async def data(self, text: str, variables: dict[str, Any] | None = None, **more: Any) -> Any:
        answer = await self.ask(text, variables, **more)
        assert "errors" not in answer, answer
        return answer["data"]


def an_input(source_url: str, **more: Any) -> dict[str, Any]:
    return {
        "connectorId": "rest",
        "name": "CRM",
        "configuration": {"spec": a_spec(source_url)},
        "credentials": {"token": "t0"},
    } | more


def synced(house: House, source: FakeSource, source_url: str) -> tuple[UUID, UUID]:
    """Two customers from one source: the first is Lin's, the second Wang's."""
    source.fill(2)
    house.sync(house.install("rest", {"spec": a_spec(source_url)}, {"token": "t0"}))
    rows = house.all("SELECT customer_id FROM source_record ORDER BY external_id")
    ids = [row.customer_id for row in rows]
    access = [
        {"id": str(id), "owner": str(owner), "department": str(SALES), "version": 1}
        for id, owner in zip(ids, (LIN, WANG), strict=True)
    ]
    house.db.write(
        facts.customers_changed, a_fact("customers.customer.changed", {"access": access})
    )
    return ids[0], ids[1]


def refs(*ids: UUID) -> list[dict[str, str]]:
    return [{"__typename": "Customer", "id": str(id)} for id in ids]


def a_fact(name: str, body: dict[str, Any]) -> Received:
    return Received(uuid4(), name, "", body, "customers", datetime.now(UTC))
