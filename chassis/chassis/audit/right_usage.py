"""Count which rights are used, in memory, and record the counts once a minute as facts.

A right that is never used should be revoked. A dictionary in memory costs a request less than a
microsecond; counts that a killed process had not recorded are lost, which statistics over months
tolerate.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from chassis.db import Database
from chassis.facts.outbox import record
from chassis.facts.types import RIGHTS_USED

log = logging.getLogger("huichi.chassis.usage")

EVERY_SECONDS = 60.0
MOST_IN_A_FACT = 2000

Use = tuple[UUID, str, str, str]


class RightUsage:
    """How often each user used each right, by day (UTC); one per process."""

    def __init__(self) -> None:
        self._counts: Counter[Use] = Counter()

    def count(self, user: UUID, rights: Iterable[tuple[str, str]]) -> None:
        """Count the rights that one request used, each an object and an action."""
        today = datetime.now(UTC).date().isoformat()
        for object, action in rights:
            self._counts[user, object, action, today] += 1

    async def flush(self, database: Database) -> int:
        """Record the counts as facts and return their number; after an error they are kept."""
        counts, self._counts = self._counts, Counter()
        try:
            if counts:
                await database.write(_record, counts)
        except BaseException:
            self._counts.update(counts)
            raise
        return len(counts)

    async def run(self, database: Database) -> None:
        """Record the counts once a minute and at the end, until cancelled."""
        try:
            while True:
                await asyncio.sleep(EVERY_SECONDS)
                try:
                    await self.flush(database)
                except (SQLAlchemyError, OSError) as problem:
                    log.warning("used rights are recorded later: %s", type(problem).__name__)
        finally:
            with contextlib.suppress(SQLAlchemyError, OSError):
                await self.flush(database)


def _record(session: Session, counts: Counter[Use]) -> None:
    uses = [[str(user), *rest, count] for (user, *rest), count in counts.items()]
    for start in range(0, len(uses), MOST_IN_A_FACT):
        batch = uses[start : start + MOST_IN_A_FACT]
        record(session, RIGHTS_USED.about(batch[0][3], {"uses": batch}))
