"""Fork child processes, and identify a process although its pid may be reused."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from onebox.servers import native

_DEFAULTED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)


@dataclass(frozen=True)
class ProcessIdentity:
    """A pid and the start time of its process, which together are unique."""

    pid: int
    began: str

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity | None:
        """Return the identity of a running process, `None` where there is none."""
        began = _start_time(pid)
        return cls(pid, began) if began else None

    def alive(self) -> bool:
        """Return whether this process still runs."""
        return _start_time(self.pid) == self.began

    def signal(self, how: signal.Signals) -> None:
        """Send a signal to this process and to the group it leads."""
        if not self.alive():
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpgid(self.pid) == self.pid:
                os.killpg(self.pid, how)
            else:
                os.kill(self.pid, how)


def end(processes: list[ProcessIdentity], timeout: float) -> None:
    """Terminate processes, and kill them after the timeout."""
    for process in processes:
        process.signal(signal.SIGTERM)
    deadline = time.monotonic() + timeout
    while any(process.alive() for process in processes) and time.monotonic() < deadline:
        time.sleep(0.02)
    for process in processes:
        process.signal(signal.SIGKILL)


def fork(work: Callable[[], None], output: int) -> int:
    """Run `work` in a child that shares the imported code, and return its pid.

    The child leads a process group of its own, writes to `output` and dies with this process.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        _detach_from_parent(parent, output)
        work()
        status = 0
    except SystemExit as problem:
        status = problem.code if isinstance(problem.code, int) else int(problem.code is not None)
    except BaseException:  # printed to the log; nothing may return into the parent's code
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _detach_from_parent(parent: int, output: int) -> None:
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in _DEFAULTED:
        signal.signal(number, signal.SIG_DFL)
    # A process group of its own would survive a killed parent.
    native.die_with_parent(parent, signal.SIGKILL)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    # Pipes of siblings and the lock of the run would stay open here after the parent's end.
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    os.closerange(3, min(limit if limit > 0 else 65536, 65536))
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a text stream, always
    sys.stderr.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a text stream, always


def _start_time(pid: int) -> str | None:
    if native.LINUX:
        try:
            text = Path(f"/proc/{pid}/stat").read_text()
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            return None
        fields = text.rpartition(")")[2].split()
        return None if fields[0] in "ZX" else f"{boot}:{fields[19]}"
    columns = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split(maxsplit=1)
    return None if len(columns) < 2 or columns[0].startswith("Z") else columns[1].strip()
