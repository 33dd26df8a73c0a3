"""Starts server programs that are not Python so that they never outlive us and need nothing of the machine."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

LINUX = sys.platform == "linux"
_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000
# Loaded before any fork: dlopen between fork and exec can deadlock.
_libc = ctypes.CDLL(None, use_errno=True) if LINUX else None
Output = int | IO[bytes]


class StartFailed(RuntimeError):
    """A server could not be started; the message is for the person at the terminal."""


def launch(
    command: Sequence[str | Path],
    *,
    cwd: Path,
    output: Output = subprocess.DEVNULL,
    die_with: signal.Signals = signal.SIGTERM,
    become: Callable[[], None] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program in a process group of its own; on Linux it gets a signal when we die."""
    parent = os.getpid()

    def prepare() -> None:
        if become is not None:
            become()
        # After any change of credentials: the kernel forgets the setting there.
        die_with_parent(parent, die_with)

    return subprocess.Popen(
        [str(part) for part in command],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        preexec_fn=prepare,  # only the launcher's single thread comes here
    )


def die_with_parent(parent: int, how: signal.Signals) -> None:
    """Ask the kernel to signal this process when its parent ends; a no-op where there is no such call."""
    if _libc is None:
        return
    _libc.prctl(_PR_SET_PDEATHSIG, int(how), 0, 0, 0)
    if os.getppid() != parent:  # the parent died between the fork and the line above
        os._exit(1)


def enter_user_namespace() -> None:
    """Become an ordinary user in a namespace where our files are that user's: programs that refuse
    root, or a user without a name, run."""
    assert _libc is not None
    uid, gid = os.geteuid(), os.getegid()
    if _libc.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{_ORDINARY} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{_ORDINARY} {gid} 1")


def _ordinary_user() -> int:
    # initdb wants its user to have a name, and a small container may have no uid 1000. Not the
    # overflow uid either: everybody else's files look like its own.
    known = sorted(one.pw_uid for one in pwd.getpwall() if one.pw_uid not in (0, 65534))
    return 1000 if 1000 in known or not known else known[0]


# Looked up here: between fork and exec only plain system calls are safe.
_ORDINARY = _ordinary_user()


def user_namespaces() -> bool:
    """Tell whether this machine lets us make a user namespace (containers often do not)."""
    if _libc is None:
        return False
    child = os.fork()
    if child == 0:
        try:
            enter_user_namespace()
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def wait(
    name: str, process: subprocess.Popen[bytes], ready: Callable[[], bool], patience: float
) -> None:
    """Return when a server is ready; raise StartFailed when it ended or took too long."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise StartFailed(f"{name} ended with status {process.returncode}")
        if ready():
            return
        time.sleep(0.02)
    raise StartFailed(f"{name} did not answer within {patience:.0f} s")


def stop(process: subprocess.Popen[bytes], how: signal.Signals, patience: float) -> None:
    """Ask politely, wait, then insist on the whole process group."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Tell whether we could listen on a port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def answers(port: int, host: str = "127.0.0.1") -> bool:
    """Tell whether somebody accepts connections on a port."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False
