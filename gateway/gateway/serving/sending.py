"""Sends a request's fetches as safely as the settings ask for: headers by rule, the time that is left, circuits, sharing."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.errors import BadSubgraphAnswer, SubgraphFailed, SubgraphTimeout, SubgraphUnavailable
from gateway.execution.http import Headers, Sender, Subgraphs
from gateway.execution.observe import Observer
from gateway.execution.transport import Answer, Request
from gateway.execution.tree import copied
from gateway.protection import Protection
from gateway.serving.breaker import Circuit, State
from gateway.serving.headers import ruled
from gateway.serving.metrics import Metrics
from gateway.serving.uploads import Files

Key = tuple[str, bytes, tuple[tuple[str, str], ...]]


class Sending:
    """What all requests share: circuits, and queries under way."""

    def __init__(self, protection: Protection, metrics: Metrics, seconds: float) -> None:
        self.protection = protection
        self.metrics = metrics
        self.seconds = seconds
        """What one subgraph request may take."""
        self.circuits: dict[str, Circuit] = {}
        self.under_way: dict[Key, asyncio.Task[Answer]] = {}

    def circuit(self, subgraph: str) -> Circuit | None:
        """The subgraph's circuit."""
        if self.protection.breaker is None:
            return None
        known = self.circuits.get(subgraph)
        if known is None:
            known = Circuit(subgraph, self.protection.breaker, self._told)
            self.circuits[subgraph] = known
        return known

    def _told(self, subgraph: str, state: State) -> None:
        self.metrics.circuits.add(("subgraph", subgraph), ("state", state))
        self.metrics.circuits_open[subgraph] = state != "closed"


@dataclass(slots=True)
class Careful:
    """`send` for one request of one client."""

    sending: Sending
    subgraphs: Subgraphs
    headers: Headers
    address: str
    """Of the caller."""
    client: Mapping[str, str]
    """The client's own headers."""
    deadline: float
    observer: Observer
    alone: bool = False
    """Nothing is shared with other requests."""
    files: Files | None = None
    sender: Sender = field(init=False)

    def __post_init__(self) -> None:
        """Write the headers once for all fetches, unless subgraphs are told different things."""
        self.sender = self._sender(self.headers)

    async def __call__(self, request: Request) -> Answer:
        """Send."""
        protection = self.sending.protection
        if self.files is not None:
            request = self.files.attach(request)
        sender, headers = self.sender, self.headers
        if protection.header_rules:
            headers = ruled(headers, protection.header_rules, self.client, request.fetch.subgraph)
            sender = self._sender(headers)
        if protection.share_queries and request.fetch.kind == "query" and not self.alone:
            return await self._shared(request, headers, sender)
        return await self._guarded(request, sender)

    async def _shared(self, request: Request, headers: Headers, sender: Sender) -> Answer:
        key = (request.fetch.subgraph, request.body, tuple(headers))
        under_way = self.sending.under_way
        task = under_way.get(key)
        if task is None:
            # Not awaited directly: when its own client goes away the others still want the answer.
            task = under_way[key] = asyncio.ensure_future(self._guarded(request, sender))
            task.add_done_callback(lambda _: under_way.pop(key, None))
        else:
            self.sending.metrics.shared.add(("subgraph", request.fetch.subgraph))
        answer: Answer = copied(await asyncio.shield(task))  # everybody builds a tree of their own
        return answer

    async def _guarded(self, request: Request, sender: Sender) -> Answer:
        name = request.fetch.subgraph
        circuit = self.sending.circuit(name)
        if circuit is None:
            return await sender(request)
        try:
            probe = circuit.enter()
        except SubgraphUnavailable:
            self.sending.metrics.refused.add(("subgraph", name))
            raise
        left = self.deadline - time.monotonic()
        try:
            answer = await sender(request)
        except SubgraphFailed as failure:
            circuit.leave(failed=self._is_its_fault(failure, left), probe=probe)
            raise
        except BaseException:
            circuit.abandon(probe=probe)
            raise
        circuit.leave(failed=False, probe=probe)
        return answer

    def _sender(self, headers: Headers) -> Sender:
        told = [*headers, ("x-forwarded-for", self.address)] if self.address else headers
        name = self.sending.protection.deadline_header or ""
        return Sender(self.subgraphs, told, self.deadline, self.observer, name)

    def _is_its_fault(self, failure: SubgraphFailed, left: float) -> bool:
        """A client in a hurry, or an answer in the wrong form, says nothing about availability."""
        if isinstance(failure, SubgraphTimeout):
            return left >= self.sending.seconds / 2
        if isinstance(failure, BadSubgraphAnswer):
            return failure.http_status >= 500
        return isinstance(failure, SubgraphUnavailable)
