"""One query for many keys: what the fields of this service read through, made anew per request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from sqlalchemy.orm import Session
from strawberry.dataloader import DataLoader

from chassis.api.context import Context
from chassis.api.paging import Page, Window
from chassis.policy.scope import Scope
from integrations.customers import store as sync_state
from integrations.customers.domain import SourceState
from integrations.installations import store as installation
from integrations.installations.store import InstallationRow, RevisionRow
from integrations.records.store import dead_letter, source_record
from integrations.records.store.dead_letter import DeadLetterRow
from integrations.records.store.source_record import SourceRecordRow
from integrations.sync import store as sync_run
from integrations.sync.store import SyncRunRow

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class RecordsKey:
    """One customer's records, and the page of them that is wanted."""

    customer: UUID
    window: Window


class Loaders:
    """The loaders of one request; every batch opens its own session."""

    def __init__(self, ctx: Context[Loaders]) -> None:
        self._ctx = ctx
        self.installations: DataLoader[UUID, InstallationRow | None] = self._scoped(
            "Installation", installation.by_ids
        )
        self.runs: DataLoader[UUID, SyncRunRow | None] = self._scoped("SyncRun", sync_run.by_ids)
        self.latest_runs: DataLoader[UUID, SyncRunRow | None] = self._scoped(
            "SyncRun", sync_run.latest
        )
        self.records: DataLoader[UUID, SourceRecordRow | None] = self._scoped(
            "SourceRecord", source_record.by_ids
        )
        self.letters: DataLoader[UUID, DeadLetterRow | None] = self._scoped(
            "DeadLetter", dead_letter.by_ids
        )
        self.states: DataLoader[UUID, list[SourceState]] = self._scoped(
            "Customer", sync_state.of_customers
        )
        self.revisions: DataLoader[UUID, list[RevisionRow]] = DataLoader(self._revisions)
        self.open_letters: DataLoader[UUID, int] = DataLoader(self._open_letters)
        self.payloads: DataLoader[UUID, bytes | None] = DataLoader(self._payloads)
        self.letter_payloads: DataLoader[UUID, tuple[str, bytes] | None] = DataLoader(
            self._letter_payloads
        )
        self.records_of_customers: DataLoader[RecordsKey, Page[SourceRecordRow]] = DataLoader(
            self._records_of_customers
        )

    def _scoped(
        self, object: str, query: Callable[[Session, Scope, Sequence[K]], list[V]]
    ) -> DataLoader[K, V]:
        async def load(ids: list[K]) -> list[V]:
            return await self._ctx.read(query, self._ctx.scope(object), ids)

        return DataLoader(load)

    async def _revisions(self, ids: list[UUID]) -> list[list[RevisionRow]]:
        found = await self._ctx.read(installation.revisions, ids)
        return [found.get(id, []) for id in ids]

    async def _open_letters(self, ids: list[UUID]) -> list[int]:
        found = await self._ctx.read(dead_letter.open_counts, ids)
        return [found.get(id, 0) for id in ids]

    async def _payloads(self, ids: list[UUID]) -> list[bytes | None]:
        return await self._ctx.read(source_record.payloads, ids)

    async def _letter_payloads(self, ids: list[UUID]) -> list[tuple[str, bytes] | None]:
        return await self._ctx.read(dead_letter.payloads, ids)

    async def _records_of_customers(self, keys: list[RecordsKey]) -> list[Page[SourceRecordRow]]:
        """Keys that want the same page are one query; aliases with other arguments one each."""
        windows: dict[Window, list[UUID]] = {}
        for key in keys:
            windows.setdefault(key.window, []).append(key.customer)
        found: dict[RecordsKey, Page[SourceRecordRow]] = {}
        scope = self._ctx.scope("SourceRecord")
        for window, ids in windows.items():
            pages = await self._ctx.read(source_record.of_customers, scope, window, ids)
            found |= {RecordsKey(id, window): page for id, page in zip(ids, pages, strict=True)}
        return [found[key] for key in keys]
