"""Starts processes in order of readiness, starts again what ends, and stops all of it in seconds.

The parent imports everything once and forks: five services cost a fifth of the time and half of the
memory. It stays a single thread without connections, so a later fork is as safe as the first.
"""

from __future__ import annotations

import os
import selectors
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from onebox import processes
from onebox.logs import BoundedLog
from onebox.native import StartFailed

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LONGEST_PAUSE = 15.0
HEALTHY_AFTER = 30.0


class Stopped(Exception):
    """Somebody asked us to stop."""


@dataclass(frozen=True)
class Part:
    """One long-running process: how it starts (giving its pid), when it is ready, how it stops."""

    name: str
    start: Callable[[int], int]
    ready: Callable[[], bool]
    stop_with: signal.Signals = signal.SIGTERM
    patience: float = 2.0
    """Seconds it gets for an orderly end."""
    leans: int = 0
    """How many waves of others lean on it: those with the fewest are stopped first."""


@dataclass
class Running:
    """A part and its present process."""

    part: Part
    log: BoundedLog
    pid: int | None = None
    since: float = 0.0
    failures: int = 0
    again_at: float = 0.0
    ready: bool = False


@dataclass(frozen=True)
class Job:
    """A short job under way."""

    name: str
    pid: int
    log: BoundedLog
    since: float


@dataclass
class Supervisor:
    """Runs parts; `tell` hears what happens, `note` hears which processes there are."""

    logs: Path
    tell: Callable[[str], None]
    note: Callable[[dict[str, int]], None]
    running: dict[str, Running] = field(default_factory=dict)
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _jobs: list[Job] = field(default_factory=list)
    _statuses: dict[int, int] = field(default_factory=dict)
    _asked: int = 0
    _owner: int = field(default_factory=os.getppid)
    _wakeup: tuple[int, int] = (-1, -1)

    def launch(self, parts: Sequence[Part]) -> None:
        """Start parts side by side without waiting for them."""
        for part in parts:
            log = BoundedLog(self.logs / f"{part.name}.log")
            self.running[part.name] = Running(part, log)
            self._launch(self.running[part.name])

    def await_ready(self, patience: float, done: Callable[[str, float], None]) -> None:
        """Return when all that was started is ready; raise StartFailed otherwise."""
        begun = time.monotonic()
        waiting = [one for one in self.running.values() if not one.ready]
        while waiting:
            self._pump(0.03)
            self._restart_what_ended(limit=3)
            for one in [one for one in waiting if one.pid is not None and one.part.ready()]:
                one.ready = True
                waiting.remove(one)
                done(one.part.name, time.monotonic() - one.since)
            if waiting and time.monotonic() - begun > patience:
                raise self._failure(waiting[0], f"was not ready within {patience:.0f} s")

    def begin(self, name: str, work: Callable[[], None]) -> Job:
        """Start a short job in a process of its own; `finish` waits for it."""
        log = BoundedLog(self.logs / "setup.log")
        job = Job(name, self._fork(work, log), log, time.monotonic())
        self._jobs.append(job)
        return job

    def finish(self, job: Job, patience: float, done: Callable[[str, float], None]) -> None:
        """Return when a job has ended well; raise StartFailed otherwise."""
        while job.pid not in self._statuses:
            self._pump(0.03)
            if time.monotonic() - job.since > patience:
                os.kill(job.pid, signal.SIGKILL)
        self._jobs.remove(job)
        if self._statuses.pop(job.pid) != 0:
            self._move(0.05)
            raise StartFailed(
                f"{job.name} failed. The end of {job.log.path}:\n{job.log.tail(lines=25)}"
            )
        done(job.name, time.monotonic() - job.since)

    def watch(self) -> None:
        """Keep everything running until somebody asks us to stop."""
        with suppress(Stopped):
            while True:
                self._pump(1.0 if not self._pauses() else 0.1)
                self._restart_what_ended(limit=None)

    def stop(self) -> None:
        """Stop the parts in waves, what others lean on last, and insist where asking did not help."""
        self._asked = max(self._asked, 1)
        for job in self._jobs:
            with suppress(ProcessLookupError):
                os.kill(job.pid, signal.SIGKILL)
        for wave in self._waves():
            for one in wave:
                self._signal(one, one.part.stop_with)
            self._await(wave, max(one.part.patience for one in wave))
            for one in wave:
                self._signal(one, signal.SIGKILL)
            self._await(wave, 0.5)
        self.running.clear()
        self.note({})

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Hear signals while the block runs."""
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        os.set_blocking(writing, False)
        self._wakeup = (reading, writing)
        self._selector.register(reading, selectors.EVENT_READ, None)
        before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        handlers = {number: signal.signal(number, self._heard) for number in STOP_SIGNALS}
        handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(before)
            self._selector.unregister(reading)
            os.close(reading)
            os.close(writing)

    def _heard(self, _number: int, _frame: FrameType | None) -> None:
        self._asked += 1

    def _launch(self, one: Running) -> None:
        reading, writing = os.pipe()
        try:
            one.pid = one.part.start(writing)
        finally:
            os.close(writing)
        self._listen(reading, one.log)
        one.since = time.monotonic()
        self._note()

    def _fork(self, work: Callable[[], None], log: BoundedLog) -> int:
        reading, writing = os.pipe()
        pid = processes.fork(work, writing)
        os.close(writing)
        self._listen(reading, log)
        return pid

    def _listen(self, reading: int, log: BoundedLog) -> None:
        os.set_blocking(reading, False)
        self._selector.register(reading, selectors.EVENT_READ, log)

    def _pump(self, patience: float) -> None:
        """Move what was printed into the logs and see who ended; raise Stopped when asked to stop."""
        self._move(patience)
        self._reap()
        if os.getppid() != self._owner and os.environ.get("MAKELEVEL"):
            self._asked += 1  # `make` was killed; nobody could stop us at this terminal any more
        if self._asked:
            raise Stopped

    def _move(self, patience: float) -> None:
        for key, _ in self._selector.select(patience):
            try:
                text = os.read(key.fd, 65536)
            except BlockingIOError:
                continue
            if key.data is None:
                continue
            if text:
                key.data.write(text)
            else:
                self._selector.unregister(key.fd)
                os.close(key.fd)

    def _reap(self) -> None:
        with suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                self._ended(found[0], os.waitstatus_to_exitcode(found[1]))

    def _ended(self, pid: int, status: int) -> None:
        for one in self.running.values():
            if one.pid == pid:
                one.pid = None
                one.failures = 0 if time.monotonic() - one.since > HEALTHY_AFTER else one.failures
                pause = min(LONGEST_PAUSE, 0.5 * 2**one.failures) if one.failures else 0.2
                one.failures += 1
                one.again_at = time.monotonic() + pause
                if not self._asked:
                    how = f"signal {-status}" if status < 0 else f"status {status}"
                    self.tell(f"{one.part.name} ended ({how}); starting it again in {pause:.1f} s")
                return
        self._statuses[pid] = status

    def _restart_what_ended(self, limit: int | None) -> None:
        for one in self._pauses():
            if limit is not None and one.failures >= limit:
                raise self._failure(one, f"ended {one.failures} times")
            if time.monotonic() >= one.again_at:
                self._launch(one)

    def _pauses(self) -> list[Running]:
        return [one for one in self.running.values() if one.pid is None]

    def _failure(self, one: Running, what: str) -> StartFailed:
        self._move(0.05)
        return StartFailed(f"{one.part.name} {what}. The end of {one.log.path}:\n{one.log.tail()}")

    def _waves(self) -> Iterator[list[Running]]:
        for leans in sorted({one.part.leans for one in self.running.values()}):
            yield [one for one in self.running.values() if one.part.leans == leans]

    def _signal(self, one: Running, how: signal.Signals) -> None:
        if one.pid is not None:
            with suppress(ProcessLookupError):
                # PostgreSQL's own children must hear nothing: their parent ends them in order.
                (os.killpg if how == signal.SIGKILL else os.kill)(one.pid, how)

    def _await(self, wave: list[Running], patience: float) -> None:
        deadline = time.monotonic() + patience
        while any(one.pid for one in wave) and time.monotonic() < deadline and self._asked < 3:
            self._move(0.02)
            self._reap()

    def _note(self) -> None:
        self.note({name: one.pid for name, one in self.running.items() if one.pid is not None})
