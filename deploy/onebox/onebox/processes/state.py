"""One run per folder: a lock ensures it, and a record lets the next run clean up."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from onebox.processes.process import ProcessIdentity, end
from onebox.servers import native


class AlreadyRunning(native.StartFailed):
    """Another run uses the folder."""


@dataclass(frozen=True)
class Note:
    """The record of a run: its supervisor, its first port, and the process of each part."""

    supervisor: ProcessIdentity
    port: int
    parts: dict[str, ProcessIdentity]


class State:
    """The files `lock` and `running.json` of a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock_path = folder / "lock"
        self._note_path = folder / "running.json"
        self._lock: IO[str] | None = None

    def take(self) -> list[str]:
        """Lock the folder, end processes of a killed run, and return their names.

        Raises `AlreadyRunning`.
        """
        lock = self._lock_path.open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            note = self.read()
            where = f" on port {note.port} (process {note.supervisor.pid})" if note else ""
            raise AlreadyRunning(
                f"Huichi already runs from this folder{where}. `make stop` stops it; another one "
                "beside it needs a folder and ports of its own: HUICHI_VAR=var2 make up PORT=9600"
            ) from None
        self._lock = lock
        return self._clean_up()

    def write(self, port: int, parts: dict[str, int]) -> None:
        """Write the record; the file is replaced as a whole, so a reader never sees half of it."""
        supervisor = ProcessIdentity.of(os.getpid())
        identities = {
            name: process for name, pid in parts.items() if (process := ProcessIdentity.of(pid))
        }
        assert supervisor is not None
        fresh = self._note_path.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(Note(supervisor, port, identities)), indent=1))
        fresh.replace(self._note_path)

    def read(self) -> Note | None:
        """Return the record, `None` where it is missing or unreadable."""
        try:
            raw = json.loads(self._note_path.read_text())
            parts = {name: ProcessIdentity(**part) for name, part in raw["parts"].items()}
            return Note(ProcessIdentity(**raw["supervisor"]), raw["port"], parts)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def release(self) -> None:
        """Remove the record and unlock the folder."""
        self._note_path.unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _clean_up(self) -> list[str]:
        note = self.read()
        if note is None:
            return []
        # Only processes whose start time matches too: a pid may have been reused.
        orphans = {name: process for name, process in note.parts.items() if process.alive()}
        end(list(orphans.values()), timeout=4.0)
        self._note_path.unlink(missing_ok=True)
        return sorted(orphans)
