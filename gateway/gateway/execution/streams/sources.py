"""Subscriptions at subgraphs, by the protocol of each, with reconnects after losses."""

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

STABLE_SECONDS = 30.0
"""A connection that lasted so long was a good one: failures are counted from zero again."""


class Circuit(Protocol):
    """A circuit breaker, which decides whether a source that keeps failing may be tried now."""

    def enter(self) -> bool:
        """Ask to try; return True when this is the probe. Raises SubgraphUnavailable."""

    def leave(self, *, failed: bool, probe: bool) -> None:
        """Report the outcome."""

    def abandon(self, *, probe: bool) -> None:
        """Report that the attempt was cancelled."""


class Sources:
    """The event sources of all subgraphs; made after a fork, closed at the end."""

    def __init__(
        self,
        addresses: Mapping[str, str],
        event_sources: Mapping[str, EventSource],
        subgraph_limits: SubgraphLimits,
        limits: SubscriptionLimits,
    ) -> None:
        self.addresses = addresses
        self.event_sources = event_sources
        self.subgraph_limits = subgraph_limits
        self.limits = limits
        self._clients: list[Client] = []
        """Empty or one client, shared with the results of `with_addresses`."""

    def with_addresses(self, addresses: Mapping[str, str]) -> "Sources":
        """Return the same sources with the addresses of a new supergraph."""
        other = object.__new__(Sources)
        other.addresses, other.event_sources, other._clients = (
            addresses,
            self.event_sources,
            self._clients,
        )
        other.subgraph_limits, other.limits = self.subgraph_limits, self.limits
        return other

    async def close(self) -> None:
        """Close all connections."""
        for client in self._clients:
            await client.close()

    async def events(
        self,
        fetch: Fetch,
        variables: Mapping[str, Any],
        headers: Headers,
        circuit: Circuit | None = None,
    ) -> AsyncGenerator[Answer, None]:
        """Yield every event; raises SubgraphFailed when the source cannot be reached (again)."""
        failures = 0
        while True:
            began = time.monotonic()
            try:
                attempt = _guarded(self._subscribe(fetch, variables, headers), circuit)
                async with contextlib.aclosing(attempt) as answers:
                    async for answer in answers:
                        failures = 0
                        yield answer
                return
            except SubgraphUnavailable:
                if time.monotonic() - began > STABLE_SECONDS:
                    failures = 0
                failures += 1
                if failures > self.limits.reconnects:
                    raise
            pause = min(30.0, self.limits.reconnect_seconds * 2 ** (failures - 1))
            # Thousands of subscribers lose their source in one moment; jitter spreads their return.
            await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311  no secret

    def _subscribe(
        self, fetch: Fetch, variables: Mapping[str, Any], headers: Headers
    ) -> AsyncGenerator[Answer, None]:
        name = fetch.subgraph
        source = self.event_sources.get(name) or EventSource()
        url = source.url or self.addresses.get(name)
        if not url:
            raise refused(name, "it has no address", "没有配置地址")
        values = {key: variables[key] for key in fetch.variables if key in variables}
        payload = {
            "query": fetch.document,
            "operationName": fetch.operation_name,
            **({"variables": values} if values else {}),
        }
        if source.protocol == "sse":
            # Imported only where it is needed: the client's library takes 7 MB and a thread.
            from gateway.execution.streams import server_sent

            if not self._clients:
                self._clients.append(server_sent.client(self.subgraph_limits))
            (client,) = self._clients
            return server_sent.events(client, name, url, payload, headers, self.subgraph_limits)
        return websocket.events(name, _ws(url), payload, headers, self.subgraph_limits)


async def _guarded(
    events: AsyncGenerator[Answer, None], circuit: Circuit | None
) -> AsyncGenerator[Answer, None]:
    """Try a source only as its circuit breaker allows, and report to it whether it was reached."""
    probe = circuit.enter() if circuit else False
    began = time.monotonic()
    reported = circuit is None
    try:
        async with contextlib.aclosing(events):
            async for answer in events:
                if circuit is not None and not reported:
                    reported = True
                    circuit.leave(failed=False, probe=probe)
                yield answer
    except SubgraphUnavailable:
        if circuit is not None and not reported:
            reported = True
            circuit.leave(failed=time.monotonic() - began < STABLE_SECONDS, probe=probe)
        raise
    finally:
        if circuit is not None and not reported:
            circuit.abandon(probe=probe)


def _ws(url: str) -> str:
    return f"ws{url.removeprefix('http')}" if url.startswith("http") else url
