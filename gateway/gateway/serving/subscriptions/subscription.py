"""Subscriptions under way: each follows its source, completes every event through its plan, and never runs ahead of its client."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.errors import (
    GatewayError,
    SubscriberTooSlow,
    SubscriptionsUnsupported,
    TooManySubscriptions,
    Unauthorized,
)
from gateway.execution.http.client import Headers, Subgraphs
from gateway.execution.streams.sources import Sources
from gateway.execution.transport import Answer, Request
from gateway.plan import Fetch, Subscribe
from gateway.result import Response
from gateway.serving.documents.document_cache import Prepared
from gateway.serving.observability.metrics import Metrics
from gateway.serving.observability.tracing import Tracing
from gateway.serving.protection.request_guard import Edge, Visitor
from gateway.serving.subscriptions.shared_sources import SharedSources, too_slow
from gateway.settings import Settings

log = logging.getLogger("gateway")


Line = asyncio.Queue[Answer | GatewayError | None]
"""Events on their way to one client; a failure or None is the last."""


class Crowd:
    """How many there are, and the event streams that must end before the process can."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.limits = settings.subscription_limits
        self.metrics = metrics
        self.shared = SharedSources(self.limits.waiting, metrics)
        self.streams: set[asyncio.Task[None]] = set()

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """Take one place; raise TooManySubscriptions when there is none."""
        if self.metrics.subscriptions >= self.limits.per_process:
            raise TooManySubscriptions(
                "This gateway carries as many subscriptions as it can; try again later.",
                "此网关的订阅数已达上限；请稍后再试。",
            )
        self.metrics.subscriptions += 1
        try:
            yield
        finally:
            self.metrics.subscriptions -= 1

    def leave(self) -> None:
        """End every event stream, so that its client looks for another gateway."""
        for stream in self.streams:
            stream.cancel()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """One subscription of one client.

    It holds on to the supergraph's things that it began with: a reload does not touch it.
    """

    prepared: Prepared
    whole: Prepared
    """The same for those who may see everything, to ask again what this subscriber may see."""
    variables: Mapping[str, Any]
    visitor: Visitor
    headers: Mapping[str, str]
    """The client's own."""
    locale: str
    edge: Edge
    subgraphs: Subgraphs
    sources: Sources
    tracing: Tracing
    metrics: Metrics
    crowd: Crowd
    settings: Settings

    async def responses(self) -> AsyncGenerator[Response, None]:
        """Yield the answer to each event; raise a GatewayError when it ends badly."""
        source = _source(self.prepared)
        with self.crowd.place():
            line = Line(self.settings.subscription_limits.waiting)
            listening = asyncio.create_task(self._listen(source, line))
            try:
                decided = time.monotonic()
                while (event := await line.get()) is not None:
                    if isinstance(event, GatewayError):
                        raise event
                    self.edge.check_still_valid(self.visitor)
                    if self.edge.is_stale(decided):
                        await self._check_policies()
                        decided = time.monotonic()
                    yield await self._complete(source, event)
            finally:
                listening.cancel()
                await asyncio.wait([listening])

    async def _check_policies(self) -> None:
        """Policies change while a subscription lasts; what has become forbidden is not sent on."""
        now = await self.edge.decided(self.visitor, self.whole, self.headers)
        if now.caller.policies != self.visitor.caller.policies:
            raise Unauthorized(
                "What you may see has changed; subscribe again.",
                "您的可见范围已变化；请重新订阅。",
            )

    async def _listen(self, source: Fetch, line: Line) -> None:
        """Read the source; while the line is full, the source has to wait as well."""
        traced = self.tracing.begin({}).trace_headers()
        headers = self.edge.told(self.visitor, self.headers, source.subgraph, traced)
        last: GatewayError | None = None
        try:
            async with contextlib.aclosing(self._events(source, headers)) as events:
                async for event in events:
                    await self._queue(line, event)
        except GatewayError as error:
            last = error
            log.warning("subscription to %s: %s", source.subgraph, error.code)
        except Exception:
            last = internal()
            log.exception("a subscription failed")
        if isinstance(last, SubscriberTooSlow):
            while not line.empty():
                line.get_nowait()
        await line.put(last)

    def _events(self, source: Fetch, headers: Headers) -> AsyncGenerator[Answer, None]:
        def fresh() -> AsyncGenerator[Answer, None]:
            gate = self.edge.sending.source_circuit(source.subgraph)
            return self.sources.events(source, self.variables, headers, gate)

        if not self.settings.protection.share_subscriptions:
            return fresh()
        told = self.edge.told_of_all(self.visitor, self.headers, source.subgraph)
        given = {name: self.variables.get(name) for name in source.variables}
        place = self.sources.addresses.get(source.subgraph, "")
        key = (place, source.document, repr(sorted(given.items())), tuple(told))
        return self.crowd.shared.events(key, fresh)

    async def _queue(self, line: Line, event: Answer) -> None:
        if not line.full():
            line.put_nowait(event)
            return
        try:
            async with asyncio.timeout(self.settings.subscription_limits.slow_seconds):
                await line.put(event)
        except TimeoutError as error:
            raise too_slow() from error

    async def _complete(self, source: Fetch, event: Answer) -> Response:
        """Answer one event, in a trace of its own."""
        trace = self.tracing.begin({})
        trace.open("SUBSCRIBE", "/graphql")
        trace.name(self.prepared)
        deadline = time.monotonic() + self.settings.limits.seconds
        sender = self.edge.sender(self.visitor, self.headers, self.subgraphs, trace, deadline)

        async def send(request: Request) -> Answer:
            if request.fetch is not source:
                return await sender(request)
            if self.edge.sending.masks and "errors" in event:
                sender.mask(event, source.subgraph)
            return event

        with trace.stage("graphql.execute"):
            response = await self.prepared.executable.run(self.variables, send, self.locale)
        if self.prepared.variant is not None:
            response = self.prepared.variant.report(response, self.variables, self.locale)
        response.extensions["traceId"] = trace.trace_id
        codes = [fault.code or "" for fault in response.faults]
        trace.close(200, codes)
        self.metrics.request(
            "subscription", self.prepared.name, codes, time.perf_counter() - trace.started
        )
        return response


def _source(prepared: Prepared) -> Fetch:
    root = prepared.plan.root
    if not isinstance(root, Subscribe):
        raise SubscriptionsUnsupported(
            "This subscription asks nothing of any subgraph.", "该订阅不涉及任何子图。"
        )
    return root.source


def internal() -> GatewayError:
    """Something of ours broke; the log tells more."""
    return GatewayError("The gateway failed; its log tells more.", "网关内部错误；详情见日志。")
