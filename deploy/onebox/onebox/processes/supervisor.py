"""Start processes in order of readiness, restart those that end, and stop all within seconds.

The parent imports everything once and forks: five services take a fifth of the time and half of the
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

from onebox.processes.bounded_log import BoundedLog
from onebox.processes.process import fork
from onebox.servers.native import StartFailed

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LONGEST_PAUSE = 15.0
HEALTHY_AFTER = 30.0


class Stopped(Exception):
    """A stop was requested by a signal."""


@dataclass(frozen=True)
class Part:
    """One long-running process: how it starts (returning its pid), is ready, and stops."""

    name: str
    start: Callable[[int], int]
    ready: Callable[[], bool]
    stop_with: signal.Signals = signal.SIGTERM
    stop_timeout: float = 2.0
    """Seconds for an orderly end before it is killed."""
    stop_wave: int = 0
    """Parts of a lower wave are stopped first; those others depend on have a higher one."""


@dataclass
class Running:
    """A part and its present process."""

    part: Part
    log: BoundedLog
    pid: int | None = None
    since: float = 0.0
    failures: int = 0
    restart_at: float = 0.0
    ready: bool = False


@dataclass(frozen=True)
class Job:
    """A short job that is running."""

    name: str
    pid: int
    log: BoundedLog
    since: float


@dataclass
class Supervisor:
    """Run parts; `report` receives messages, `record` the pids of all parts by name."""

    logs: Path
    report: Callable[[str], None]
    record: Callable[[dict[str, int]], None]
    running: dict[str, Running] = field(default_factory=dict)
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _jobs: list[Job] = field(default_factory=list)
    _statuses: dict[int, int] = field(default_factory=dict)
    _stop_requests: int = 0
    _owner: int = field(default_factory=os.getppid)
    _wakeup: tuple[int, int] = (-1, -1)

    def launch(self, parts: Sequence[Part]) -> None:
        """Start parts in parallel without waiting for them."""
        for part in parts:
            log = BoundedLog(self.logs / f"{part.name}.log")
            self.running[part.name] = Running(part, log)
            self._launch(self.running[part.name])

    def await_ready(self, timeout: float, done: Callable[[str, float], None]) -> None:
        """Wait until all parts are ready. Raises `StartFailed`, or `Stopped` on a signal.

        `done` receives the name of each part and the seconds it took.
        """
        begun = time.monotonic()
        waiting = [running for running in self.running.values() if not running.ready]
        while waiting:
            self._pump(0.03)
            self._restart_ended(limit=3)
            for running in list(waiting):
                if running.pid is not None and running.part.ready():
                    running.ready = True
                    waiting.remove(running)
                    done(running.part.name, time.monotonic() - running.since)
            if waiting and time.monotonic() - begun > timeout:
                raise self._failure(waiting[0], f"was not ready within {timeout:.0f} s")

    def begin(self, name: str, work: Callable[[], None]) -> Job:
        """Start a short job in its own process; `finish` waits for it."""
        log = BoundedLog(self.logs / "setup.log")
        job = Job(name, self._fork(work, log), log, time.monotonic())
        self._jobs.append(job)
        return job

    def finish(self, job: Job, timeout: float, done: Callable[[str, float], None]) -> None:
        """Wait for the success of a job. Raises `StartFailed`, or `Stopped` on a signal."""
        while job.pid not in self._statuses:
            self._pump(0.03)
            if time.monotonic() - job.since > timeout:
                os.kill(job.pid, signal.SIGKILL)
        self._jobs.remove(job)
        if self._statuses.pop(job.pid) != 0:
            self._copy_output(0.05)
            raise StartFailed(
                f"{job.name} failed. The end of {job.log.path}:\n{job.log.tail(lines=25)}"
            )
        done(job.name, time.monotonic() - job.since)

    def watch(self) -> None:
        """Keep all parts running until a signal requests a stop."""
        with suppress(Stopped):
            while True:
                self._pump(1.0 if not self._ended_parts() else 0.1)
                self._restart_ended(limit=None)

    def stop(self) -> None:
        """Stop the parts in waves, those that others depend on last, and kill what does not end."""
        self._stop_requests = max(self._stop_requests, 1)
        for job in self._jobs:
            with suppress(ProcessLookupError):
                os.kill(job.pid, signal.SIGKILL)
        for wave in self._waves():
            for running in wave:
                self._signal(running, running.part.stop_with)
            self._await_end(wave, max(running.part.stop_timeout for running in wave))
            for running in wave:
                self._signal(running, signal.SIGKILL)
            self._await_end(wave, 0.5)
        self.running.clear()
        self.record({})

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Handle signals while the block runs."""
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        os.set_blocking(writing, False)
        self._wakeup = (reading, writing)
        self._selector.register(reading, selectors.EVENT_READ, None)
        before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        handlers = {number: signal.signal(number, self._request_stop) for number in STOP_SIGNALS}
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

    def _request_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stop_requests += 1

    def _launch(self, running: Running) -> None:
        reading, writing = os.pipe()
        try:
            running.pid = running.part.start(writing)
        finally:
            os.close(writing)
        self._listen(reading, running.log)
        running.since = time.monotonic()
        self._record_pids()

    def _fork(self, work: Callable[[], None], log: BoundedLog) -> int:
        reading, writing = os.pipe()
        pid = fork(work, writing)
        os.close(writing)
        self._listen(reading, log)
        return pid

    def _listen(self, reading: int, log: BoundedLog) -> None:
        os.set_blocking(reading, False)
        self._selector.register(reading, selectors.EVENT_READ, log)

    def _pump(self, timeout: float) -> None:
        """Copy output to the logs and reap ended processes. Raises `Stopped` on a stop request."""
        self._copy_output(timeout)
        self._reap()
        if os.getppid() != self._owner and os.environ.get("MAKELEVEL"):
            self._stop_requests += 1  # `make` was killed, so this terminal could not stop the run
        if self._stop_requests:
            raise Stopped

    def _copy_output(self, timeout: float) -> None:
        for key, _ in self._selector.select(timeout):
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
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                self._handle_end(ended[0], os.waitstatus_to_exitcode(ended[1]))

    def _handle_end(self, pid: int, status: int) -> None:
        for running in self.running.values():
            if running.pid == pid:
                running.pid = None
                if time.monotonic() - running.since > HEALTHY_AFTER:
                    running.failures = 0
                failures = running.failures
                pause = min(LONGEST_PAUSE, 0.5 * 2**failures) if failures else 0.2
                running.failures += 1
                running.restart_at = time.monotonic() + pause
                if not self._stop_requests:
                    how = f"signal {-status}" if status < 0 else f"status {status}"
                    name = running.part.name
                    self.report(f"{name} ended ({how}); starting it again in {pause:.1f} s")
                return
        self._statuses[pid] = status

    def _restart_ended(self, limit: int | None) -> None:
        for running in self._ended_parts():
            if limit is not None and running.failures >= limit:
                raise self._failure(running, f"ended {running.failures} times")
            if time.monotonic() >= running.restart_at:
                self._launch(running)

    def _ended_parts(self) -> list[Running]:
        return [running for running in self.running.values() if running.pid is None]

    def _failure(self, running: Running, event: str) -> StartFailed:
        self._copy_output(0.05)
        log = running.log
        return StartFailed(f"{running.part.name} {event}. The end of {log.path}:\n{log.tail()}")

    def _waves(self) -> Iterator[list[Running]]:
        parts = list(self.running.values())
        for wave in sorted({running.part.stop_wave for running in parts}):
            yield [running for running in parts if running.part.stop_wave == wave]

    def _signal(self, running: Running, how: signal.Signals) -> None:
        if running.pid is not None:
            with suppress(ProcessLookupError):
                # PostgreSQL's children must not be signalled: their parent ends them in order.
                (os.killpg if how == signal.SIGKILL else os.kill)(running.pid, how)

    def _await_end(self, wave: list[Running], timeout: float) -> None:
        """Wait for the end of a wave; a third stop request skips the wait."""
        deadline = time.monotonic() + timeout
        while (
            any(running.pid for running in wave)
            and time.monotonic() < deadline
            and self._stop_requests < 3
        ):
            self._copy_output(0.02)
            self._reap()

    def _record_pids(self) -> None:
        pids = {name: running.pid for name, running in self.running.items()}
        self.record({name: pid for name, pid in pids.items() if pid is not None})
