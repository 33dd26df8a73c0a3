"""The house the demo plays in: the one that runs from this folder, or one of its own meanwhile."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import requests

from onebox import house as plan, native
from onebox.house import House
from onebox.state import State

PATIENCE = 150.0


@contextlib.contextmanager
def house(port: int, say: Callable[[str], None]) -> Iterator[House]:
    """A house whose gateway answers."""
    note = State(plan.folder()).read()
    if note is not None and note.supervisor.alive():
        say(f"using the house that runs on port {note.port}")
        found = plan.open_house(note.port)
        _await(found, None)
        yield found
        return
    say(f"no house runs here, so one is started on port {port} (and stopped at the end)")
    process = subprocess.Popen(
        [sys.executable, "-m", "onebox.app", "up", "--port", str(port)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env=dict(os.environ),
    )
    try:
        found = plan.open_house(port)
        _await(found, process)
        yield found
    finally:
        native.stop(process, signal.SIGTERM, 15.0)


def _await(found: House, process: subprocess.Popen[bytes] | None) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if process is not None and process.poll() is not None:
            said = process.stderr.read().decode(errors="replace") if process.stderr else ""
            raise native.StartFailed(f"The house did not start:\n{said.strip()[-2000:]}")
        with contextlib.suppress(requests.RequestException):
            body = {"query": "{ __typename }"}
            if requests.post(f"{found.url_of('gateway')}/graphql", json=body, timeout=5).ok:
                return
        time.sleep(0.2)
    raise native.StartFailed(f"The gateway did not answer within {PATIENCE:.0f} s.")
