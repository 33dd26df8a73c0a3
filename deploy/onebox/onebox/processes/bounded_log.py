"""Write the output of processes to log files of bounded size."""

from __future__ import annotations

import os
from pathlib import Path

LIMIT = 5_000_000


class BoundedLog:
    """One file of at most `limit` bytes, and the previous one as `<name>.log.1`."""

    def __init__(self, path: Path, limit: int = LIMIT) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = path
        self._limit = limit
        self._file = path.open("ab", buffering=0)
        self._size = os.fstat(self._file.fileno()).st_size

    def write(self, text: bytes) -> None:
        """Append text; a full file is replaced by a new one first."""
        if self._size + len(text) > self._limit and self._size:
            self._file.close()
            self.path.replace(self.path.with_name(self.path.name + ".1"))
            self._file = self.path.open("ab", buffering=0)
            self._size = 0
        self._file.write(text)
        self._size += len(text)

    def tail(self, lines: int = 12) -> str:
        """Return the last lines, for a message about the end of a process."""
        text = self.path.read_bytes()[-20_000:].decode(errors="replace")
        return "\n".join(text.strip().splitlines()[-lines:])
