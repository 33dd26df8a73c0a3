"""Pages that come from our own shelves: the dead letters of a replay. To the engine they look like
a connector's pages, and the source is not called."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from chassis.db import SyncDatabase
from integrations.contract import Cursor, Page, Stream
from integrations.core.domain.seal import Seal
from integrations.records.store import dead_letter
from integrations.sync.services.place import letter_place

REPLAY_PAGE = 200


def from_dead_letters(
    db: SyncDatabase, seal: Seal, installation: UUID, run: UUID, stream: Stream, cursor: Cursor
) -> Iterator[Page]:
    """The stored raw records that shall be tried again."""
    after = UUID(cursor.position["after"]) if cursor.position else None
    while True:
        found = db.read(dead_letter.to_replay, run, stream.name, after, REPLAY_PAGE)
        raw = tuple(
            seal.open(sealed, letter_place(installation, stream.name, key))
            for _, key, sealed in found
        )
        over = len(found) < REPLAY_PAGE
        after = found[-1][0] if found else after
        yield Page(records=raw, next=None if over else {"after": str(after)})
        if over:
            return
