"""Which rights are used: counted in memory, told once a minute as one fact.

A right that nobody uses is one that somebody has too much. A dictionary in memory costs a request less
than a microsecond; what a killed process had not told yet is lost, which a count over months bears.
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
    """One a process: how often each person used each right, by the day (UTC)."""

    def __init__(self) -> None:
        self._counts: Counter[Use] = Counter()

    def note(self, user: UUID, rights: Iterable[tuple[str, str]]) -> None:
        """One request used these rights, each an object and an action."""
        today = datetime.now(UTC).date().isoformat()
        for object, action in rights:
            self._counts[user, object, action, today] += 1

    async def tell(self, database: Database) -> int:
        """Writes what was counted as facts; how many different uses. What fails is counted on."""
        taken, self._counts = self._counts, Counter()
        try:
            if taken:
                await database.write(_record, taken)
        except BaseException:
            self._counts.update(taken)
            raise
        return len(taken)

    async def run(self, database: Database) -> None:
        """Until cancelled: tell once a minute, and at the end what is left."""
        try:
            while True:
                await asyncio.sleep(EVERY_SECONDS)
                try:
                    await self.tell(database)
                except (SQLAlchemyError, OSError) as problem:
                    log.warning("used rights are told later: %s", type(problem).__name__)
        finally:
            with contextlib.suppress(SQLAlchemyError, OSError):
                await self.tell(database)


def _record(session: Session, counts: Counter[Use]) -> None:
    uses = [[str(user), *rest, count] for (user, *rest), count in counts.items()]
    for start in range(0, len(uses), MOST_IN_A_FACT):
        some = uses[start : start + MOST_IN_A_FACT]
        record(session, RIGHTS_USED.about(some[0][3], {"uses": some}))
