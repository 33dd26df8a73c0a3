"""The loaders of one request for source records and dead letters."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from strawberry.dataloader import DataLoader

from chassis.api.context import Context
from chassis.api.paging import Page, Window
from integrations.core.api.scoped_loader import scoped_loader
from integrations.records.store import dead_letter, source_record
from integrations.records.store.dead_letter import DeadLetterRow
from integrations.records.store.source_record import SourceRecordRow


@dataclass(frozen=True, slots=True)
class CustomerRecordsKey:
    """A customer, and the requested page of its records."""

    customer: UUID
    window: Window


class RecordLoaders:
    """Source records and dead letters by id, with their sealed payloads."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.source_record: DataLoader[UUID, SourceRecordRow | None] = scoped_loader(
            context, "SourceRecord", source_record.by_ids
        )
        self.dead_letter: DataLoader[UUID, DeadLetterRow | None] = scoped_loader(
            context, "DeadLetter", dead_letter.by_ids
        )
        self.open_dead_letters: DataLoader[UUID, int] = DataLoader(self._load_open_dead_letters)
        self.source_record_payload: DataLoader[UUID, bytes | None] = DataLoader(
            self._load_source_record_payloads
        )
        self.dead_letter_payload: DataLoader[UUID, tuple[str, bytes] | None] = DataLoader(
            self._load_dead_letter_payloads
        )
        self.records_of_customer: DataLoader[CustomerRecordsKey, Page[SourceRecordRow]] = (
            DataLoader(self._load_records_of_customers)
        )

    async def _load_open_dead_letters(self, ids: list[UUID]) -> list[int]:
        counts = await self._context.read(dead_letter.open_counts, ids)
        return [counts.get(id, 0) for id in ids]

    async def _load_source_record_payloads(self, ids: list[UUID]) -> list[bytes | None]:
        return await self._context.read(source_record.payloads, ids)

    async def _load_dead_letter_payloads(self, ids: list[UUID]) -> list[tuple[str, bytes] | None]:
        return await self._context.read(dead_letter.payloads, ids)

    async def _load_records_of_customers(
        self, keys: list[CustomerRecordsKey]
    ) -> list[Page[SourceRecordRow]]:
        """Run one query for all keys of one window; aliases with other arguments run their own."""
        customers: dict[Window, list[UUID]] = {}
        for key in keys:
            customers.setdefault(key.window, []).append(key.customer)
        pages: dict[CustomerRecordsKey, Page[SourceRecordRow]] = {}
        scope = self._context.scope("SourceRecord")
        for window, ids in customers.items():
            rows = await self._context.read(source_record.of_customers, scope, window, ids)
            pages |= {
                CustomerRecordsKey(id, window): page for id, page in zip(ids, rows, strict=True)
            }
        return [pages[key] for key in keys]
