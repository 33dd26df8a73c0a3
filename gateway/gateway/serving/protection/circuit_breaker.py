"""A circuit breaker: requests to a subgraph that keeps failing fail at once.

After a while one of them, the probe, tries whether it works again.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from gateway.errors import SubgraphUnavailable
from gateway.protection import Breaker

State = Literal["closed", "open", "probing"]
OnChange = Callable[[str, State], None]


@dataclass(slots=True)
class CircuitBreaker:
    """The circuit of one subgraph."""

    subgraph: str
    settings: Breaker
    on_change: OnChange
    """Called with the subgraph and its new state."""
    clock: Callable[[], float] = time.monotonic
    state: State = "closed"
    since: float = 0.0
    """When the window began while closed, when the state began otherwise."""
    requests: int = 0
    failed: int = 0

    def enter(self) -> bool:
        """Ask to send; return True when this request is the probe.

        Raises SubgraphUnavailable while the circuit is open.
        """
        if self.state == "closed":
            return False
        # A probe that never ended holds no other one back: it counts for open_seconds only.
        if self.clock() - self.since < self.settings.open_seconds:
            raise SubgraphUnavailable(
                f'The subgraph "{self.subgraph}" is not available: '
                "too many of its last requests failed; try again later.",
                f"子图“{self.subgraph}”不可用：近期失败过多，请稍后再试。",
                service=self.subgraph,
            )
        self._change_to("probing")
        return True

    def leave(self, *, failed: bool, probe: bool) -> None:
        """Report the outcome of a request that was sent."""
        if probe:
            self._change_to("open" if failed else "closed")
            return
        if self.state != "closed":
            return  # sent before the circuit opened
        now = self.clock()
        if now - self.since > self.settings.window_seconds:
            self.since, self.requests, self.failed = now, 0, 0
        self.requests += 1
        self.failed += failed
        if (
            failed
            and self.requests >= self.settings.requests
            and self.failed >= self.requests * self.settings.failures
        ):
            self._change_to("open")

    def abandon(self, *, probe: bool) -> None:
        """Report that a request was cancelled, so its outcome is unknown."""
        if probe:
            self.state, self.since = "open", float("-inf")

    def _change_to(self, state: State) -> None:
        self.state, self.since = state, self.clock()
        self.requests = self.failed = 0
        self.on_change(self.subgraph, state)
