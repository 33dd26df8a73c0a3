"""The sealed events of the ledger are watched every second, by whichever process comes first."""

from __future__ import annotations

import asyncio
import logging

from sqlalchemy.exc import SQLAlchemyError

from chassis.web import Runtime
from identity.ledger.commands.access_alert import AT_ONCE, watch

log = logging.getLogger("huichi.identity.alerts")

EVERY_SECONDS = 1.0


async def watch_ledger(runtime: Runtime) -> None:
    """Until cancelled."""
    while True:
        try:
            while await runtime.db.write(watch) == AT_ONCE:
                pass
        except (SQLAlchemyError, OSError) as problem:
            log.warning("the ledger is not watched now: %s", type(problem).__name__)
        await asyncio.sleep(EVERY_SECONDS)
