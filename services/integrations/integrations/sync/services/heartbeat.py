"""A thread that renews a run's lease while its worker is busy, and learns of a cancel request."""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from chassis.db import SyncDatabase
from integrations.sync.commands import lease
from integrations.sync.commands.lease import LeaseLost

log = logging.getLogger("huichi.integrations.sync")


class Heartbeat:
    """A context manager around the work; the worker checks `lost` and `cancel` between pages."""

    def __init__(self, db: SyncDatabase, run: UUID, fence: int, lease_seconds: float) -> None:
        self._db = db
        self._run = run
        self._fence = fence
        self._lease_seconds = lease_seconds
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
        while not self._stop.wait(self._lease_seconds / 4):
            try:
                self.cancel = self._db.write(
                    lease.keep_alive, self._run, self._fence, self._lease_seconds
                )
            except LeaseLost:
                self.lost = True
                return
            except SQLAlchemyError:
                # The fence decides at the next commit; a missed renewal alone decides nothing.
                log.warning("a heartbeat of run %s was missed", self._run)
