"""The run the demo uses: the one of this folder, or one that is started for the demo."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import requests

from onebox import house as plan
from onebox.house import House
from onebox.processes.state import State
from onebox.servers import native

START_TIMEOUT = 150.0


@contextlib.contextmanager
def running_house(port: int, say: Callable[[str], None]) -> Iterator[House]:
    """Yield a run whose gateway answers. Raises `StartFailed`."""
    note = State(plan.folder()).read()
    if note is not None and note.supervisor.alive():
        say(f"using the Huichi that runs on port {note.port}")
        house = plan.open_house(note.port)
        _await_gateway(house, None)
        yield house
        return
    say(f"Huichi does not run here, so it is started on port {port} (and stopped at the end)")
    process = subprocess.Popen(
        [sys.executable, "-m", "onebox.app", "up", "--port", str(port)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env=dict(os.environ),
    )
    try:
        house = plan.open_house(port)
        _await_gateway(house, process)
        yield house
    finally:
        native.stop(process, signal.SIGTERM, 15.0)


def _await_gateway(house: House, process: subprocess.Popen[bytes] | None) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if process is not None and process.poll() is not None:
            output = process.stderr.read().decode(errors="replace") if process.stderr else ""
            raise native.StartFailed(f"Huichi did not start:\n{output.strip()[-2000:]}")
        with contextlib.suppress(requests.RequestException):
            body = {"query": "{ __typename }"}
            if requests.post(f"{house.url_of('gateway')}/graphql", json=body, timeout=5).ok:
                return
        time.sleep(0.2)
    raise native.StartFailed(f"The gateway did not answer within {START_TIMEOUT:.0f} s.")
