"""Keeps a run's lease alive while its worker is busy, and hears when it should stop."""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from chassis.db import SyncDatabase
from integrations.sync.commands import sync_run
from integrations.sync.commands.sync_run import Lost

log = logging.getLogger("huichi.integrations.sync")


class Heartbeat:
    """A thread beside the work; `lost` and `cancel` are looked at between pages."""

    def __init__(self, db: SyncDatabase, run: UUID, fence: int, lease_seconds: float) -> None:
        self._db = db
        self._run = run
        self._fence = fence
        self._lease = lease_seconds
        self._stop = threading.Event()
        self.lost = False
        self.cancel = False
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=5)

    def _beat(self) -> None:
        while not self._stop.wait(self._lease / 4):
            try:
                self.cancel = self._db.write(
                    sync_run.keep_alive, self._run, self._fence, self._lease
                )
            except Lost:
                self.lost = True
                return
            except SQLAlchemyError:
                # The fence decides at the next commit; a missed beat alone decides nothing.
                log.warning("a heartbeat of run %s was missed", self._run)
