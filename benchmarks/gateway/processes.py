"""Processes on a core of their own, with the time and memory of their process trees (Linux)."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
GATEWAY_CORE, OTHER_CORE = CORES[-1], CORES[0]


class Failed(Exception):
    """A program failed in a way that ends or skips a measurement."""


@dataclass(frozen=True)
class Running:
    """A program that was started."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def seconds(self) -> float:
        """Return the processor time so far, user and system, of the program and its descendants."""
        return sum(_seconds(pid) for pid in tree(self.process.pid))

    @property
    def peak_megabytes(self) -> float:
        """Return the largest resident memory so far."""
        return sum(_peak(pid) for pid in tree(self.process.pid)) / 1024

    def tail(self) -> str:
        """Return the end of the program's log."""
        return self.log.read_text(errors="replace")[-1500:]


@contextmanager
def running(
    command: Sequence[str | Path],
    port: int,
    log: Path,
    *,
    core: int,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    seconds: float = 60,
) -> Iterator[Running]:
    """Run a program for a block, once its port is open; end it with all its children."""
    if busy(port):
        raise Failed(f"port {port} is in use; --port chooses others")
    taskset = [shutil.which("taskset") or "taskset", "-c", str(core)]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*taskset, *command],
            cwd=folder,
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    program = Running(process, log)
    try:
        _await(program, port, seconds)
        yield program
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _await(program: Running, port: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not busy(port):
        if program.process.poll() is not None:
            raise Failed(f"ended with {program.process.returncode}: {program.tail()}")
        if time.monotonic() > deadline:
            raise Failed(f"does not listen after {seconds:g} s: {program.tail()}")
        time.sleep(0.1)


def busy(port: int) -> bool:
    """Return whether a program listens on the port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def stay_off_the_gateways_core() -> None:
    """Pin this process, which generates the load, to another core than the gateway's."""
    if not hasattr(os, "sched_setaffinity") or not shutil.which("taskset"):
        sys.exit("This benchmark pins processes to cores and reads /proc: it needs Linux.")
    os.sched_setaffinity(0, {OTHER_CORE})


def tree(root: int) -> list[int]:
    """Return a process and all its descendants."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(entry.parent.name))
    pids = [root]
    for pid in pids:
        pids += parents.get(pid, [])
    return pids


def _seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(field) for field in fields[11:15]) / TICKS  # with children that have ended


def _peak(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)
