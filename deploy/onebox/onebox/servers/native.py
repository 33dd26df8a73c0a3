"""Start native server programs so that they never outlive this process."""

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
    """A program could not be started; the message is for the user at the terminal."""


def launch(
    command: Sequence[str | Path],
    *,
    cwd: Path,
    output: Output = subprocess.DEVNULL,
    die_with: signal.Signals = signal.SIGTERM,
    become: Callable[[], None] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program in its own process group; on Linux it is signalled when this process dies."""
    parent = os.getpid()

    def prepare() -> None:
        if become is not None:
            become()
        # After any change of credentials, which resets the setting in the kernel.
        die_with_parent(parent, die_with)

    return subprocess.Popen(
        [str(part) for part in command],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        preexec_fn=prepare,  # safe, since the launcher has a single thread
    )


def die_with_parent(parent: int, how: signal.Signals) -> None:
    """Have the kernel signal this process when its parent ends (prctl(2)); Linux only."""
    if _libc is None:
        return
    _libc.prctl(_PR_SET_PDEATHSIG, int(how), 0, 0, 0)
    if os.getppid() != parent:  # the parent died between the fork and the line above
        os._exit(1)


def enter_user_namespace() -> None:
    """Become an ordinary user in a user namespace that maps the present user (user_namespaces(7)).

    Programs that refuse root, or a user without a name, run there.
    """
    assert _libc is not None
    uid, gid = os.geteuid(), os.getegid()
    if _libc.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{_ORDINARY} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{_ORDINARY} {gid} 1")


def _ordinary_user() -> int:
    # initdb requires a user with a name, and a small container may have no uid 1000. The overflow
    # uid 65534 is unusable: all unmapped files appear to be owned by it.
    uids = sorted(user.pw_uid for user in pwd.getpwall() if user.pw_uid not in (0, 65534))
    return 1000 if 1000 in uids or not uids else uids[0]


# Looked up at import: between fork and exec only plain system calls are safe.
_ORDINARY = _ordinary_user()


def user_namespaces() -> bool:
    """Return whether user namespaces can be created here (in containers often not)."""
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
    name: str, process: subprocess.Popen[bytes], ready: Callable[[], bool], timeout: float
) -> None:
    """Wait until a server is ready. Raises `StartFailed` when it ends or takes too long."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise StartFailed(f"{name} ended with status {process.returncode}")
        if ready():
            return
        time.sleep(0.02)
    raise StartFailed(f"{name} did not answer within {timeout:.0f} s")


def stop(process: subprocess.Popen[bytes], how: signal.Signals, timeout: float) -> None:
    """Send a signal, wait, and kill the whole process group after the timeout."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Return whether a port can be bound now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def answers(port: int, host: str = "127.0.0.1") -> bool:
    """Return whether a server accepts connections on a port."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False
