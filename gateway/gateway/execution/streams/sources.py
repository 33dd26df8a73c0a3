"""Subscriptions at subgraphs: finds out how each serves them, and finds it again when it went away."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from gateway.errors import SubgraphUnavailable
from gateway.execution.http.client import Headers
from gateway.execution.streams import websocket
from gateway.execution.streams.failures import refused
from gateway.execution.transport import Answer
from gateway.plan import Fetch
from gateway.settings import EventSource, SubgraphLimits, SubscriptionLimits

if TYPE_CHECKING:
    from pyreqwest.client import Client

LONG_ENOUGH = 30.0
"""A connection that held so many seconds was a good one: counting starts anew."""


class Gate(Protocol):
    """Says whether a source that keeps failing may be tried now."""

    def enter(self) -> bool:
        """Ask to try; True when this is the probe. Raises SubgraphUnavailable."""

    def leave(self, *, failed: bool, probe: bool) -> None:
        """Say how it went."""

    def abandon(self, *, probe: bool) -> None:
        """Nobody waited for the end."""


class Sources:
    """Every subgraph's way of serving subscriptions; made after the fork, closed at the end."""

    def __init__(
        self,
        addresses: Mapping[str, str],
        ways: Mapping[str, EventSource],
        subgraph_limits: SubgraphLimits,
        limits: SubscriptionLimits,
    ) -> None:
        self.addresses = addresses
        self.ways = ways
        self.subgraph_limits = subgraph_limits
        self.limits = limits
        self._clients: list[Client] = []
        """None or one, shared with those made by `moved`."""

    def moved(self, addresses: Mapping[str, str]) -> "Sources":
        """The same, with other addresses, for a new supergraph."""
        other = object.__new__(Sources)
        other.addresses, other.ways, other._clients = addresses, self.ways, self._clients
        other.subgraph_limits, other.limits = self.subgraph_limits, self.limits
        return other

    async def close(self) -> None:
        """Give all connections back."""
        for client in self._clients:
            await client.close()

    async def events(
        self,
        fetch: Fetch,
        variables: Mapping[str, Any],
        headers: Headers,
        gate: Gate | None = None,
    ) -> AsyncGenerator[Answer, None]:
        """Yield every event; raise SubgraphFailed when the source cannot be found (again)."""
        failures = 0
        while True:
            began = time.monotonic()
            try:
                once = _gated(self._once(fetch, variables, headers), gate)
                async with contextlib.aclosing(once) as found:
                    async for answer in found:
                        failures = 0
                        yield answer
                return
            except SubgraphUnavailable:
                if time.monotonic() - began > LONG_ENOUGH:
                    failures = 0
                failures += 1
                if failures > self.limits.reconnects:
                    raise
            pause = min(30.0, self.limits.reconnect_seconds * 2 ** (failures - 1))
            # Thousands of subscribers lose their source in the same moment; they do not come back in one.
            await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311  no secret

    def _once(
        self, fetch: Fetch, variables: Mapping[str, Any], headers: Headers
    ) -> AsyncGenerator[Answer, None]:
        name = fetch.subgraph
        way = self.ways.get(name) or EventSource()
        url = way.url or self.addresses.get(name)
        if not url:
            raise refused(name, "it has no address", "没有配置地址")
        given = {key: variables[key] for key in fetch.variables if key in variables}
        payload = {
            "query": fetch.document,
            "operationName": fetch.operation_name,
            **({"variables": given} if given else {}),
        }
        if way.protocol == "sse":
            # Imported by whoever needs it: the client's library takes 7 MB and a thread.
            from gateway.execution.streams import server_sent

            if not self._clients:
                self._clients.append(server_sent.client(self.subgraph_limits))
            (client,) = self._clients
            return server_sent.events(client, name, url, payload, headers, self.subgraph_limits)
        return websocket.events(name, _ws(url), payload, headers, self.subgraph_limits)


async def _gated(
    events: AsyncGenerator[Answer, None], gate: Gate | None
) -> AsyncGenerator[Answer, None]:
    """Let a source be tried only through its gate, which hears whether it could be reached."""
    probe = gate.enter() if gate else False
    began = time.monotonic()
    told = gate is None
    try:
        async with contextlib.aclosing(events):
            async for answer in events:
                if gate is not None and not told:
                    told = True
                    gate.leave(failed=False, probe=probe)
                yield answer
    except SubgraphUnavailable:
        if gate is not None and not told:
            told = True
            gate.leave(failed=time.monotonic() - began < LONG_ENOUGH, probe=probe)
        raise
    finally:
        if gate is not None and not told:
            gate.abandon(probe=probe)


def _ws(url: str) -> str:
    return f"ws{url.removeprefix('http')}" if url.startswith("http") else url
