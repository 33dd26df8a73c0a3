"""Leaves a subgraph alone that keeps failing: its requests fail at once, and now and then one tries whether it is back."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from gateway.errors import SubgraphUnavailable
from gateway.protection import Breaker

State = Literal["closed", "open", "probing"]
Told = Callable[[str, State], None]


@dataclass(slots=True)
class Circuit:
    """One subgraph's."""

    subgraph: str
    settings: Breaker
    told: Told
    clock: Callable[[], float] = time.monotonic
    state: State = "closed"
    since: float = 0.0
    """Of the window while closed, of the state otherwise."""
    asked: int = 0
    failed: int = 0

    def enter(self) -> bool:
        """Ask to send; True when this request is the probe. Raises SubgraphUnavailable while open."""
        if self.state == "closed":
            return False
        # A probe that never ended (its client went away with the process's patience) is forgotten.
        if self.clock() - self.since < self.settings.open_seconds:
            raise SubgraphUnavailable(
                f'The subgraph "{self.subgraph}" is not available: it failed too often just now.',
                f"子图“{self.subgraph}”不可用：近期失败过多。",
                service=self.subgraph,
            )
        self._become("probing")
        return True

    def leave(self, *, failed: bool, probe: bool) -> None:
        """Say how it went."""
        if probe:
            self._become("open" if failed else "closed")
            return
        if self.state != "closed":
            return  # sent before the circuit opened
        now = self.clock()
        if now - self.since > self.settings.window_seconds:
            self.since, self.asked, self.failed = now, 0, 0
        self.asked += 1
        self.failed += failed
        if (
            failed
            and self.asked >= self.settings.requests
            and self.failed >= self.asked * self.settings.failures
        ):
            self._become("open")

    def abandon(self, *, probe: bool) -> None:
        """Nobody waited for the end, so nothing is known."""
        if probe:
            self.state, self.since = "open", float("-inf")

    def _become(self, state: State) -> None:
        self.state, self.since = state, self.clock()
        self.asked = self.failed = 0
        self.told(self.subgraph, state)
