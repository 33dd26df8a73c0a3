"""Subscriptions at subgraphs: finds out how each serves them, and finds it again when it went away."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Mapping
from datetime import timedelta
from typing import Any

from pyreqwest.client import Client, ClientBuilder

from gateway.errors import SubgraphUnavailable
from gateway.execution.http import Headers
from gateway.execution.streams import server_sent, websocket
from gateway.execution.streams.failures import refused
from gateway.execution.transport import Answer
from gateway.plan import Fetch
from gateway.settings import EventSource, SubgraphLimits, SubscriptionLimits

LONG_ENOUGH = 30.0
"""A connection that held so many seconds was a good one: counting starts anew."""


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
        self.client = _client(subgraph_limits)

    def moved(self, addresses: Mapping[str, str]) -> "Sources":
        """The same, with other addresses, for a new supergraph."""
        other = object.__new__(Sources)
        other.addresses, other.ways, other.client = addresses, self.ways, self.client
        other.subgraph_limits, other.limits = self.subgraph_limits, self.limits
        return other

    async def close(self) -> None:
        """Give all connections back."""
        await self.client.close()

    async def events(
        self, fetch: Fetch, variables: Mapping[str, Any], headers: Headers
    ) -> AsyncGenerator[Answer, None]:
        """Yield every event; raise SubgraphFailed when the source cannot be found (again)."""
        failures = 0
        while True:
            began = time.monotonic()
            try:
                async with contextlib.aclosing(self._once(fetch, variables, headers)) as found:
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
            await asyncio.sleep(min(30.0, self.limits.reconnect_seconds * 2 ** (failures - 1)))

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
            return server_sent.events(
                self.client, name, url, payload, headers, self.subgraph_limits
            )
        return websocket.events(name, _ws(url), payload, headers, self.subgraph_limits)


def _ws(url: str) -> str:
    return f"ws{url.removeprefix('http')}" if url.startswith("http") else url


def _client(limits: SubgraphLimits) -> Client:
    # A client of its own: streams stay open and would use up the places of short requests. A dead
    # peer is noticed by TCP, because a silent stream is a healthy one.
    return (
        ClientBuilder()
        .no_proxy()
        .follow_redirects(False)
        .gzip(False)
        .brotli(False)
        .zstd(False)
        .deflate(False)
        .connect_timeout(timedelta(seconds=limits.connect_seconds))
        .tcp_keepalive(timedelta(seconds=15))
        .tcp_keepalive_interval(timedelta(seconds=5))
        .tcp_keepalive_retries(3)
        .build()
    )
