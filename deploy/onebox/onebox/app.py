"""The command line of the one-machine runtime: `onebox up`, `onebox stop`, `onebox status`."""

from __future__ import annotations

import argparse
import os
import sys
import time

from onebox import house as plan, members, setup
from onebox.house import SERVICES, House
from onebox.processes import process
from onebox.processes.state import State
from onebox.processes.supervisor import Stopped, Supervisor
from onebox.screen import Screen
from onebox.servers.native import StartFailed

START_TIMEOUT = 60.0


def main() -> None:
    """Run a command; exit 0 when it succeeded, 1 when it failed."""
    parser = argparse.ArgumentParser(prog="onebox", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up_parser = commands.add_parser("up", help="run everything until Ctrl-C")
    up_parser.add_argument("--port", type=int, default=8600, help="the first of eight ports")
    commands.add_parser("stop", help="stop what runs from this folder")
    commands.add_parser("status", help="show what runs from this folder")
    arguments = parser.parse_args()
    _prepare_for_forks()
    os.umask(0o077)
    for stream in (sys.stdout, sys.stderr):  # a terminal without Chinese still shows other text
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # text streams, both
    match arguments.command:
        case "up":
            sys.exit(up(arguments.port))
        case "stop":
            sys.exit(stop())
        case _:
            sys.exit(status())


def up(port: int) -> int:
    """Start all processes, run until a stop signal, and end all of them; return the exit status."""
    screen = Screen()
    try:
        state = State(plan.folder())
        orphans = state.take()
        if orphans:
            screen.line(f"  Ended processes of a run that was killed: {', '.join(orphans)}")
        house = plan.open_house(port)
        plan.check_ports(house)
    except StartFailed as problem:
        screen.problem(str(problem))
        return 1
    except PermissionError as problem:
        screen.problem(
            f"{problem.filename} belongs to another user, perhaps from a run as root. Give it to "
            "yourself with chown, or keep the data elsewhere: HUICHI_VAR=~/huichi make up"
        )
        return 1
    return _run(house, state, screen)


def _run(house: House, state: State, screen: Screen) -> int:
    supervisor = Supervisor(
        house.logs,
        lambda text: screen.line(f"  {text}"),
        lambda pids: state.write(house.port, pids),
    )
    status = 0
    with supervisor.signals():
        try:
            _start(house, supervisor, screen)
            screen.welcome(house)
            supervisor.watch()
        except Stopped:
            pass
        except StartFailed as failure:
            screen.problem(str(failure))
            status = 1
        finally:
            begun = time.monotonic()
            supervisor.stop()
            state.release()
            screen.line(f"  Huichi stopped in {time.monotonic() - begun:.1f} s")
    return status


def _start(house: House, supervisor: Supervisor, screen: Screen) -> None:
    """Start in order of readiness: servers, databases, traces and identity, all others."""
    house.inbox.mkdir(exist_ok=True)
    screen.line(f"  Huichi 汇池 starts in {house.var}")
    supervisor.launch(members.servers(house))
    begun = time.monotonic()
    members.preload_base()
    preparing = supervisor.begin("databases", lambda: setup.prepare(house))
    members.preload()
    screen.done("program", time.monotonic() - begun)
    supervisor.await_ready(START_TIMEOUT, screen.done)
    supervisor.finish(preparing, START_TIMEOUT, screen.done)

    # The other services are ready once identity has published the policy.
    supervisor.launch([members.traces(house), members.service(house, "identity")])
    supervisor.await_ready(START_TIMEOUT, screen.done)
    others = [members.service(house, name) for name in SERVICES if name != "identity"]
    supervisor.launch([*others, members.gateway(house), members.worker(house)])
    supervisor.await_ready(START_TIMEOUT, screen.done)


def stop() -> int:
    """Stop the run of this folder and wait for its end; return the exit status."""
    note = State(plan.folder()).read()
    if note is None or not note.supervisor.alive():
        print("Huichi does not run from this folder.")
        return 0
    begun = time.monotonic()
    process.end([note.supervisor], timeout=10.0)
    print(f"Huichi stopped in {time.monotonic() - begun:.1f} s")
    return 0


def status() -> int:
    """Show the processes of this folder and whether they answer; return the exit status."""
    note = State(plan.folder()).read()
    if note is None or not note.supervisor.alive():
        print("Huichi does not run from this folder.")
        return 1
    house = plan.open_house(note.port)
    print(f"Huichi runs on {house.url_of('gateway')} (process {note.supervisor.pid})")
    for name, identity in note.parts.items():
        web = name in plan.PARTS and name not in ("postgres", "valkey")
        ready = members.is_ready(house.port_of(name)) if web else identity.alive()
        print(f"  {name:<14}{identity.pid:>8}  {'ready' if ready else 'not ready'}")
    return 0


def _prepare_for_forks() -> None:
    # macOS kills a forked child that uses its frameworks, as looking up a proxy does. The switch
    # is read when a process starts, so this one replaces itself with it set.
    switch = "OBJC_DISABLE_INITIALIZE_FORK_SAFETY"
    if sys.platform == "darwin" and os.environ.get(switch) != "YES":
        environment = os.environ | {switch: "YES", "no_proxy": os.environ.get("no_proxy", "*")}
        command = [sys.executable, "-m", "onebox.app", *sys.argv[1:]]
        os.execve(sys.executable, command, environment)  # noqa: S606  # this program itself


if __name__ == "__main__":
    main()
