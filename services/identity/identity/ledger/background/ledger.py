"""Seal the ledger once a second; one process at a time does it."""

from __future__ import annotations

import asyncio
import logging
import time

from opentelemetry import metrics
from sqlalchemy.exc import SQLAlchemyError

from chassis.background import DatabaseNotices, keeps_running
from chassis.db import Database
from chassis.errors import Unavailable
from chassis.web import Runtime
from identity.ledger.commands.ledger import seal_next_batch
from identity.ledger.domain.ledger import MAX_BATCH_EVENTS, Header
from identity.ledger.store import audit_event as events, ledger as store
from identity.sign_in.services.sign_in_service import SignInService

log = logging.getLogger("huichi.identity.ledger")

BATCH_SECONDS = 1.0
LOOK_SECONDS = 5.0
LOG_EVERY_SECONDS = 60.0


class Sealer:
    """Seals waiting events, and logs the head of the ledger once a minute."""

    def __init__(self, sign_in_service: SignInService) -> None:
        self._sign_in_service = sign_in_service
        self._logged_at = float("-inf")
        self.sealed = asyncio.Event()
        self._lag = metrics.get_meter("huichi").create_gauge(
            "huichi.ledger.lag", unit="s", description="Age of the oldest event without a seal."
        )

    async def seal_ledger(self, runtime: Runtime) -> None:
        """Seal the ledger at most once a second, as events come, until cancelled."""
        url = runtime.settings.database_url
        notices = DatabaseNotices(url, events.CHANNEL, "identity-ledger")
        async with asyncio.TaskGroup() as group:
            group.create_task(notices.listen())
            while keeps_running():
                if notices.is_due(LOOK_SECONDS) and not await self._seal(runtime.db):
                    notices.again()
                await asyncio.sleep(BATCH_SECONDS)
                await notices.wait(LOOK_SECONDS)

    async def _seal(self, db: Database) -> bool:
        """Seal what waits; return whether that was possible."""
        try:
            if await db.read(store.seconds_waiting):
                head = await self.seal_waiting(db)
                if head is not None:
                    self.sealed.set()
                    self._log_head(head)
            self._lag.set(await db.read(store.seconds_waiting))
        except (SQLAlchemyError, Unavailable, OSError) as problem:
            log.warning("the ledger is not sealed at the moment: %s", type(problem).__name__)
            return False
        return True

    async def seal_waiting(self, db: Database) -> Header | None:
        """Seal all waiting events and return the last head; None if no event waited."""
        latest = None
        while True:
            key = await self._sign_in_service.signing_key(db)
            head = await db.write(seal_next_batch, key)
            if head is None:
                return latest
            latest = head
            if head.size < MAX_BATCH_EVENTS:
                return latest

    def _log_head(self, head: Header) -> None:
        # Logs leave the machine: a head in them serves later as one that was kept elsewhere.
        if time.monotonic() - self._logged_at >= LOG_EVERY_SECONDS:
            self._logged_at = time.monotonic()
            log.info("ledger head: batch %d, %d events, %s", head.batch, head.last, head.hash)
