"""Finds processes that a run of the tests started and that still live when it is over.

A child whose parent was killed is nobody's child any more, so descent does not find it. What a
process started with does: the environment holds the name of the run. Where there is no `/proc`,
nothing is looked for.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import time
from collections.abc import Iterator
from pathlib import Path

RUN = "HUICHI_TEST_RUN"
PATIENCE = 10.0
PROC = Path("/proc")


def mark_environment() -> None:
    """Give this run a name that every process started from now on inherits."""
    os.environ[RUN] = secrets.token_hex(8)


def end_all(patience: float) -> list[str]:
    """Kill what is left after a while of waiting, and return a line about each process."""
    until = time.monotonic() + patience
    while (left := dict(_alive())) and time.monotonic() < until:
        time.sleep(0.05)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return [f"{pid} {command}" for pid, command in left.items()]


def _alive() -> Iterator[tuple[int, str]]:
    """Yield process id and command line of descendants, and of whatever carries the run's name."""
    name = f"{RUN}={os.environ.get(RUN, '')}".encode()
    parents = {pid: parent for pid in _pids() if (parent := _parent(pid)) is not None}
    for pid in parents:
        if pid == os.getpid() or pid in _ancestors(os.getpid(), parents):
            continue
        if os.getpid() in _ancestors(pid, parents) or name in _read(pid, "environ").split(b"\0"):
            command = _read(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace").strip()
            if command:
                yield pid, command


def _pids() -> list[int]:
    return (
        [int(path.name) for path in PROC.iterdir() if path.name.isdigit()] if PROC.is_dir() else []
    )


def _ancestors(pid: int, parents: dict[int, int]) -> set[int]:
    found: set[int] = set()
    while (parent := parents.get(pid)) and parent not in found:
        found.add(parent)
        pid = parent
    return found


def _parent(pid: int) -> int | None:
    """Return the parent of a living process; None for one that has ended, a zombie included."""
    fields = _read(pid, "stat").rpartition(b")")[2].split()
    return int(fields[1]) if fields and fields[0] != b"Z" else None


def _read(pid: int, name: str) -> bytes:
    with contextlib.suppress(OSError):
        return (PROC / str(pid) / name).read_bytes()
    return b""
