"""Asks the subgraph in this process: the real schema, rights and database, without the network."""

from __future__ import annotations

from collections.abc import AsyncIterator
from copy import deepcopy
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event

from activities.schema import schema
from chassis.actor import Actor
from chassis.api.context import Context
from chassis.api.schema import Api
from chassis.db import Database, SyncDatabase
from tests.activities.people import LIN, a_guard


class Subgraph:
    """One `ask` is one request; `statements` are what it sent to the database."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._api = Api(schema)
        self._guard = a_guard()
        self.statements: list[str] = []
        event.listen(database.engine.sync_engine, "before_cursor_execute", self._note)

    def _note(self, _c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        self.statements.append(statement)

    async def ask(
        self, query: str, user: UUID | None = LIN, locale: str = "en", **variables: Any
    ) -> dict[str, Any]:
        actor = Actor(user, None, locale) if user else None
        context: Context = Context(db=self._db, guard=self._guard, actor=actor, locale=locale)
        self.statements.clear()
        # Strawberry takes representations apart while it reads them.
        return await self._api.answer(query, deepcopy(variables), None, context)

    async def data(self, query: str, user: UUID | None = LIN, **variables: Any) -> dict[str, Any]:
        """The data of an answer that has no errors."""
        answer = await self.ask(query, user, **variables)
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data


@pytest.fixture
async def subgraph(url: str, db: SyncDatabase) -> AsyncIterator[Subgraph]:
    database = Database(url, application="test")
    yield Subgraph(database)
    await database.close()
