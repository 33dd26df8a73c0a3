"""Watch the sealed events of the ledger for unusual access; one process at a time does it."""

from __future__ import annotations

import asyncio
import logging

from sqlalchemy.exc import SQLAlchemyError

from chassis.background import keeps_running, wait_for_notice
from chassis.web import Runtime
from identity.ledger.commands.access_alert import BATCH_EVENTS, watch_next_events

log = logging.getLogger("huichi.identity.alerts")

# Another process may have sealed the events; this one is told only of its own seals.
LOOK_SECONDS = 5.0


async def watch_ledger(runtime: Runtime, sealed: asyncio.Event) -> None:
    """Watch the ledger after every seal, until cancelled."""
    while keeps_running():
        sealed.clear()
        try:
            while await runtime.db.write(watch_next_events) == BATCH_EVENTS:
                pass
        except (SQLAlchemyError, OSError) as problem:
            log.warning("the ledger is not watched at the moment: %s", type(problem).__name__)
        await wait_for_notice(sealed, LOOK_SECONDS)
