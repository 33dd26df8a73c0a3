"""One running house a folder: the lock that says so, and the note that lets the next one clean up."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from onebox import native
from onebox.processes import Known, end


class AlreadyRunning(native.StartFailed):
    """Somebody else holds the house."""


@dataclass(frozen=True)
class Note:
    """What runs: the supervisor, the port of the house, and each part's process."""

    supervisor: Known
    port: int
    parts: dict[str, Known]


class State:
    """The files `lock` and `running.json` of a house."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock_path = folder / "lock"
        self._note_path = folder / "running.json"
        self._lock: IO[str] | None = None

    def take(self) -> list[str]:
        """Become the one who runs this house; end what a killed predecessor left and name it."""
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
        """Note what runs now; replaced whole, so a reader never sees half of it."""
        supervisor = Known.of(os.getpid())
        known = {name: process for name, pid in parts.items() if (process := Known.of(pid))}
        assert supervisor is not None
        fresh = self._note_path.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(Note(supervisor, port, known)), indent=1))
        fresh.replace(self._note_path)

    def read(self) -> Note | None:
        """Read the note, if one is there and can be read."""
        try:
            raw = json.loads(self._note_path.read_text())
            parts = {name: Known(**part) for name, part in raw["parts"].items()}
            return Note(Known(**raw["supervisor"]), raw["port"], parts)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def release(self) -> None:
        """Say that nothing runs any more."""
        self._note_path.unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _clean_up(self) -> list[str]:
        note = self.read()
        if note is None:
            return []
        # Only what the note names and what still is that very process; a number alone proves nothing.
        left = {name: process for name, process in note.parts.items() if process.alive()}
        end(list(left.values()), patience=4.0)
        self._note_path.unlink(missing_ok=True)
        return sorted(left)
