"""Forks our own processes, and knows a process again after its number may have been given away."""

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

from onebox import native

_DEFAULTED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)


@dataclass(frozen=True)
class Known:
    """A process and when it began: together they name it for ever."""

    pid: int
    began: str

    @classmethod
    def of(cls, pid: int) -> Known | None:
        """Recognise a running process."""
        began = _began(pid)
        return cls(pid, began) if began else None

    def alive(self) -> bool:
        """Tell whether this very process still runs."""
        return _began(self.pid) == self.began

    def signal(self, how: signal.Signals) -> None:
        """Send a signal to this very process and to the group it leads."""
        if not self.alive():
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpgid(self.pid) == self.pid:
                os.killpg(self.pid, how)
            else:
                os.kill(self.pid, how)


def end(known: list[Known], patience: float) -> None:
    """Ask processes to end, then insist."""
    for process in known:
        process.signal(signal.SIGTERM)
    deadline = time.monotonic() + patience
    while any(process.alive() for process in known) and time.monotonic() < deadline:
        time.sleep(0.02)
    for process in known:
        process.signal(signal.SIGKILL)


def fork(work: Callable[[], None], output: int) -> int:
    """Run `work` in a child that shares our imported code, leads its own group and dies with us."""
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        _leave_the_parent_behind(parent, output)
        work()
        status = 0
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:  # the child's last words; nothing may return into the parent's code
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _leave_the_parent_behind(parent: int, output: int) -> None:
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in _DEFAULTED:
        signal.signal(number, signal.SIG_DFL)
    # Nothing here needs a goodbye, and a group of its own would survive a killed parent.
    native.die_with_parent(parent, signal.SIGKILL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    # Pipes of siblings and the lock of the house: held open here they would outlive the parent.
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    os.closerange(3, min(limit if limit > 0 else 65536, 65536))
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a text stream, always
    sys.stderr.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a text stream, always


def _began(pid: int) -> str | None:
    if native.LINUX:
        try:
            text = Path(f"/proc/{pid}/stat").read_text()
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            return None
        fields = text.rpartition(")")[2].split()
        return None if fields[0] in "ZX" else f"{boot}:{fields[19]}"
    listed = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split(maxsplit=1)
    return None if len(listed) < 2 or listed[0].startswith("Z") else listed[1].strip()
