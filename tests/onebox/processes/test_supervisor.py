"""The supervisor: order, restarts, bounded logs, and nothing left behind however it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from onebox import house
from onebox.processes.bounded_log import BoundedLog
from onebox.processes.process import ProcessIdentity
from onebox.processes.state import AlreadyRunning, State
from onebox.servers import native
from tests.support.servers import free_port
from tests.support.waiting import PATIENCE, stretched

# A house of two parts: `steady` runs; `shaky` ends whenever the file `end` appears.
PROGRAM = """
import signal, sys, time, threading
from pathlib import Path
from onebox.processes.process import fork
from onebox.processes.state import State
from onebox.processes.supervisor import Part, Stopped, Supervisor
from onebox.servers.native import StartFailed

var = Path(sys.argv[1])
mode = sys.argv[2]
state = State(var)
try:
    left = state.take()
except StartFailed as refused:
    sys.exit(str(refused))
print("left", *left, flush=True)

def steady():
    if mode == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    (var / "steady").touch()
    print("steady speaks", flush=True)
    time.sleep(600)

def shaky():
    (var / "shaky").touch()
    while not (var / "end").exists():
        time.sleep(0.01)
    (var / "end").unlink()
    sys.exit(3)

def part(name, work):
    return Part(name, lambda out: fork(work, out), (var / name).exists)

supervisor = Supervisor(
    var / "log", lambda text: print(text, flush=True), lambda pids: state.write(8600, pids)
)
with supervisor.signals():
    try:
        supervisor.finish(
            supervisor.begin("setup", lambda: (var / "set-up").touch()), 10, lambda *_: None
        )
        supervisor.launch([part("steady", steady)])
        supervisor.await_ready(10, lambda *_: None)
        supervisor.launch([part("shaky", shaky)])
        supervisor.await_ready(10, lambda *_: None)
        print("ready", *(one.pid for one in supervisor.running.values()), flush=True)
        supervisor.watch()
    except Stopped:
        pass
    finally:
        supervisor.stop()
state.release()
print("stopped", flush=True)
"""


class Launched:
    """A supervisor in a process of its own."""

    def __init__(self, var: Path, mode: str = "calm") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(var), mode],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self) -> list[str]:
        assert self.process.stdout is not None
        return self.process.stdout.readline().split()

    def pids(self) -> list[int]:
        while (words := self.line()) and words[0] != "ready":
            pass
        return [int(word) for word in words[1:]]


@pytest.fixture
def var(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "var"
    note = State(tmp_path / "var").read()
    for known in [*note.parts.values(), note.supervisor] if note else []:
        known.signal(signal.SIGKILL)


def gone(pids: list[int], within: float = PATIENCE) -> bool:
    deadline = time.monotonic() + within
    while any(ProcessIdentity.of(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(ProcessIdentity.of(pid) for pid in pids)


def test_runs_set_up_then_parts_and_stops_them_at_once(var: Path) -> None:
    launched = Launched(var)
    pids = launched.pids()
    assert (var / "set-up").exists()

    begun = time.monotonic()
    launched.process.send_signal(signal.SIGINT)

    assert launched.line() == ["stopped"]
    assert launched.process.wait() == 0
    assert time.monotonic() - begun < stretched(3)
    assert gone(pids)
    assert not (var / "running.json").exists()
    assert (var / "log" / "steady.log").read_text() == "steady speaks\n"


def test_insists_when_a_part_does_not_listen(var: Path) -> None:
    launched = Launched(var, "deaf")
    pids = launched.pids()

    begun = time.monotonic()
    launched.process.send_signal(signal.SIGTERM)

    assert launched.process.wait(PATIENCE) == 0
    assert time.monotonic() - begun < stretched(5)
    assert gone(pids)


def test_starts_again_what_ended_and_leaves_the_rest_alone(var: Path) -> None:
    launched = Launched(var)
    _, shaky = launched.pids()
    before = parts_of(var)

    (var / "end").touch()

    assert " ".join(launched.line()) == "shaky ended (status 3); starting it again in 0.2 s"
    assert gone([shaky])
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and parts_of(var).get("shaky") in (None, before["shaky"]):
        time.sleep(0.02)
    after = parts_of(var)
    assert after["steady"] == before["steady"]
    assert after["shaky"].alive()
    assert after["shaky"] != before["shaky"]
    launched.process.send_signal(signal.SIGTERM)
    launched.process.wait(PATIENCE)


def parts_of(var: Path) -> dict[str, ProcessIdentity]:
    note = State(var).read()
    return note.parts if note else {}


@pytest.mark.skipif(not native.LINUX, reason="elsewhere the next start cleans up")
def test_leaves_no_orphan_when_killed(var: Path) -> None:
    launched = Launched(var)
    pids = launched.pids()

    launched.process.kill()
    launched.process.wait()

    assert gone(pids)
    again = Launched(var)
    assert again.line() == ["left"]
    again.process.send_signal(signal.SIGTERM)
    again.process.wait(5)


def test_cleans_up_what_a_killed_one_left_and_nothing_else(var: Path) -> None:
    ours = subprocess.Popen(["sleep", "600"], start_new_session=True)
    another = subprocess.Popen(["sleep", "600"], start_new_session=True)
    state = State(var)
    state.take()
    state.write(8600, {"gateway": ours.pid, "customers": another.pid})
    state._lock.close()  # type: ignore[union-attr]  # as a kill -9 does
    note = (var / "running.json").read_text()
    began = ProcessIdentity.of(another.pid).began  # type: ignore[union-attr]  # it runs
    # The number of `customers` was given to another program since.
    (var / "running.json").write_text(
        note.replace(
            f'"pid": {another.pid},\n   "began": "{began}"',
            f'"pid": {another.pid},\n   "began": "long ago"',
        )
    )

    left = State(var).take()

    assert left == ["gateway"]
    assert ours.wait(1) == -signal.SIGTERM
    assert another.poll() is None
    another.kill()
    another.wait()


def test_refuses_to_run_twice_from_one_folder(var: Path) -> None:
    launched = Launched(var)
    launched.pids()

    with pytest.raises(
        AlreadyRunning, match=r"already runs from this folder on port 8600 .*HUICHI_VAR"
    ):
        State(var).take()

    launched.process.send_signal(signal.SIGTERM)
    launched.process.wait(PATIENCE)


def test_says_which_port_is_taken_and_how_to_move(tmp_path: Path) -> None:
    plan = house.open_house(free_port(), {"HUICHI_VAR": str(tmp_path / "var")})
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", plan.port_of("customers")))
        listener.listen()

        with pytest.raises(native.StartFailed, match=rf"{plan.port + 2} \(customers\)") as refused:
            house.check_ports(plan)

    assert "make up PORT=9600" in str(refused.value)
    house.check_ports(plan)


def test_keeps_secrets_to_itself_and_the_same_every_time(tmp_path: Path) -> None:
    environ = {"HUICHI_VAR": str(tmp_path / "var")}

    first, second = house.open_house(8600, environ), house.open_house(9600, environ)

    assert first.secret == second.secret
    assert os.stat(tmp_path / "var" / "secrets.json").st_mode & 0o777 == 0o600
    assert os.stat(tmp_path / "var").st_mode & 0o777 == 0o700


def test_keeps_logs_bounded(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path / "a.log", limit=100)

    for number in range(50):
        log.write(f"line {number:03}\n".encode())

    assert (tmp_path / "a.log").stat().st_size <= 100
    assert (tmp_path / "a.log.1").stat().st_size <= 100
    assert log.tail(1) == "line 049"
