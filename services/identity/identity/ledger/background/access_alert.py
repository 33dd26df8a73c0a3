"""Watch the sealed events of the ledger every second; one process at a time does it."""

from __future__ import annotations

import asyncio
import logging

from sqlalchemy.exc import SQLAlchemyError

from chassis.web import Runtime
from identity.ledger.commands.access_alert import BATCH_EVENTS, watch_next_events

log = logging.getLogger("huichi.identity.alerts")

EVERY_SECONDS = 1.0


async def watch_ledger(runtime: Runtime) -> None:
    """Watch the ledger every second, until cancelled."""
    while True:
        try:
            while await runtime.db.write(watch_next_events) == BATCH_EVENTS:
                pass
        except (SQLAlchemyError, OSError) as problem:
            log.warning("the ledger is not watched at the moment: %s", type(problem).__name__)
        await asyncio.sleep(EVERY_SECONDS)
