"""The ledger is sealed once a second, by whichever process comes first."""

from __future__ import annotations

import asyncio
import logging
import time

from opentelemetry import metrics
from sqlalchemy.exc import SQLAlchemyError

from chassis.db import Database
from chassis.errors import Unavailable
from chassis.web import Runtime
from identity.ledger.commands.ledger import seal
from identity.ledger.domain.ledger import MOST_EVENTS, Header
from identity.ledger.store import ledger as store
from identity.sign_in.services.office import Office

log = logging.getLogger("huichi.identity.ledger")

EVERY_SECONDS = 1.0
SAID_EVERY_SECONDS = 60.0


class Sealer:
    """Seals what waits, and says now and then how far the ledger is, where logs are collected."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._said = float("-inf")
        self._lag = metrics.get_meter("huichi").create_gauge(
            "huichi.ledger.lag", unit="s", description="Age of the oldest event without a seal."
        )

    async def seal_ledger(self, runtime: Runtime) -> None:
        """Until cancelled."""
        while True:
            try:
                head = await self.seal_waiting(runtime.db)
                self._lag.set(await runtime.db.read(store.seconds_waiting))
                if head is not None:
                    self._say(head)
            except (SQLAlchemyError, Unavailable, OSError) as problem:
                log.warning("the ledger is not sealed now: %s", type(problem).__name__)
            await asyncio.sleep(EVERY_SECONDS)

    async def seal_waiting(self, db: Database) -> Header | None:
        """Seal all that waits now; the head after it, None if nothing waited."""
        last = None
        while True:
            key = await self._office.signing_key(db)
            head = await db.write(seal, key)
            if head is None:
                return last
            last = head
            if head.size < MOST_EVENTS:
                return last

    def _say(self, head: Header) -> None:
        # Logs leave the machine: a head found in them later is one kept elsewhere.
        if time.monotonic() - self._said >= SAID_EVERY_SECONDS:
            self._said = time.monotonic()
            log.info("ledger head: batch %d, %d events, %s", head.batch, head.last, head.hash)
