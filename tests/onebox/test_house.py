"""`make up` as its user lives with it: started, stopped, killed, started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import requests

from onebox.processes.process import ProcessIdentity
from onebox.processes.state import Note, State
from tests.e2e.conftest import Running, block_of_ports, start, stop
from tests.support.waiting import PATIENCE, stretched


def note_of(house: Running) -> Note:
    note = State(house.var).read()
    assert note is not None
    return note


def processes(house: Running) -> list[ProcessIdentity]:
    note = note_of(house)
    return [note.supervisor, *note.parts.values()]


def left(known: list[ProcessIdentity], within: float = PATIENCE) -> list[ProcessIdentity]:
    deadline = time.monotonic() + within
    while (alive := [one for one in known if one.alive()]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return alive


def sign_in(house: Running) -> bool:
    house.tokens.clear()
    return bool(house.sign_in("li.na"))


def test_is_found_again_after_ctrl_c_after_a_kill_and_by_its_own_commands(tmp_path: Path) -> None:
    house = start(tmp_path / "var", block_of_ports())
    try:
        assert sign_in(house)
        first = processes(house)

        took = stop(house)

        assert house.process.returncode == 0
        assert took < stretched(5)
        assert left(first, within=0) == []

        # Killed outright, it leaves nothing that the next one could not start beside.
        house = start(house.var, house.port)
        killed = processes(house)
        os.kill(note_of(house).supervisor.pid, signal.SIGKILL)
        house.process.wait(PATIENCE)
        begun = time.monotonic()
        house = start(house.var, house.port)
        assert time.monotonic() - begun < stretched(60)
        assert left(killed, within=0) == []
        assert sign_in(house)

        # A service that dies comes back, and the others never knew.
        gateway = house.pid("gateway")
        customers = house.pid("customers")
        os.kill(customers, signal.SIGKILL)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and not ready(house, "customers"):
            time.sleep(0.05)
        assert ready(house, "customers")
        assert house.pid("customers") != customers
        assert house.pid("gateway") == gateway

        assert "customers" in onebox(house, "status").stdout
        again = onebox(house, "up", "--port", str(house.port))
        assert again.returncode == 1
        assert "already runs from this folder" in again.stderr

        last = processes(house)
        assert "Huichi stopped in" in onebox(house, "stop").stdout
        house.process.wait(PATIENCE)
        assert left(last, within=0) == []
        assert onebox(house, "status").returncode == 1
    finally:
        if house.process.poll() is None:
            stop(house)


def ready(house: Running, part: str) -> bool:
    try:
        return requests.get(f"{house.url(part)}/readyz", timeout=2).ok
    except requests.RequestException:
        return False


def onebox(house: Running, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "onebox.app", *words],
        env=os.environ | {"HUICHI_VAR": str(house.var)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
