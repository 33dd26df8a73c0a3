"""Pages of stored dead letters for a replay run.

To the engine they look like a connector's pages; the source is not called.
"""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from chassis.db import SyncDatabase
from integrations.contract import Cursor, Page, Stream
from integrations.core.domain.seal import Seal
from integrations.records.domain import dead_letter_associated_data
from integrations.records.store import dead_letter

PAGE_SIZE = 200


def dead_letter_pages(
    db: SyncDatabase, seal: Seal, installation: UUID, run: UUID, stream: Stream, cursor: Cursor
) -> Iterator[Page]:
    """Yield the raw records of a replay run's dead letters, in pages from the cursor on."""
    after = UUID(cursor.position["after"]) if cursor.position else None
    while True:
        rows = db.read(dead_letter.to_replay, run, stream.name, after, PAGE_SIZE)
        records = tuple(
            seal.open(sealed, dead_letter_associated_data(installation, stream.name, record_key))
            for _, record_key, sealed in rows
        )
        is_last = len(rows) < PAGE_SIZE
        after = rows[-1][0] if rows else after
        yield Page(records=records, next=None if is_last else {"after": str(after)})
        if is_last:
            return
