"""One subscription of one client: follows its source and executes the plan for each event."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator

from gateway.errors import (
    GatewayError,
    SubscriberTooSlow,
    SubscriptionsUnsupported,
    Unauthorized,
)
from gateway.execution.http.client import Headers, Subgraphs
from gateway.execution.streams.sources import Sources
from gateway.execution.transport import Answer, Request
from gateway.plan import Fetch, Subscribe
from gateway.result import Response
from gateway.serving.documents.prepared_operation import PreparedOperation
from gateway.serving.pipeline import ReadyOperation
from gateway.serving.protection.request_guard import OperationName
from gateway.serving.subscriptions.shared_sources import subscriber_too_slow

log = logging.getLogger("gateway")

EventQueue = asyncio.Queue[Answer | GatewayError | None]
"""Events on their way to one client; a failure or None is the last."""


class Subscription:
    """Holds on to the subgraphs and sources that it began with: a reload does not touch it."""

    def __init__(self, ready: ReadyOperation) -> None:
        state = ready.state
        self.ready = ready
        self.guard = state.guard
        self.settings = state.settings
        self.registry = state.subscriptions
        self.tracing = state.tracing
        self.subgraphs: Subgraphs = state.subgraphs
        self.sources: Sources = state.sources

    async def responses(self) -> AsyncGenerator[Response, None]:
        """Yield the response to each event; raises a GatewayError when it ends badly."""
        source = _source(self.ready.operation)
        with self.registry.reserve():
            queue = EventQueue(self.settings.subscription_limits.waiting)
            listening = asyncio.create_task(self._listen(source, queue))
            try:
                decided_at = time.monotonic()
                while (event := await queue.get()) is not None:
                    if isinstance(event, GatewayError):
                        raise event
                    self.guard.check_token_still_valid(self.ready.client)
                    if self.guard.is_stale(decided_at):
                        await self._check_policies()
                        decided_at = time.monotonic()
                    yield await self._complete(source, event)
            finally:
                listening.cancel()
                await asyncio.wait([listening])

    async def _check_policies(self) -> None:
        """Raise Unauthorized when other policies hold by now: nothing forbidden is sent on.

        The deadline of the request that began this has passed; the decider's own timeout holds.
        """
        ready, whole = self.ready, self.ready.whole
        name = OperationName(whole.kind, whole.name, whole.policies)
        client = await self.guard.decide_policies(ready.client, name, ready.headers)
        if client.caller.policies != ready.client.caller.policies:
            raise Unauthorized(
                "What you may see has changed; subscribe again.",
                "您的可见范围已变化；请重新订阅。",
            )

    async def _listen(self, source: Fetch, queue: EventQueue) -> None:
        """Read the source; while the queue is full, the source has to wait as well."""
        ready = self.ready
        headers = self.guard.subscription_headers(
            ready.client, ready.headers, source.subgraph, self.tracing.begin({}).trace_headers()
        )
        last: GatewayError | None = None
        try:
            async with contextlib.aclosing(self._events(source, headers)) as events:
                async for event in events:
                    await self._put(queue, event)
        except GatewayError as error:
            last = error
            log.warning("subscription to %s: %s", source.subgraph, error.code)
        except Exception:
            last = internal_error()
            log.exception("a subscription failed")
        if isinstance(last, SubscriberTooSlow):
            while not queue.empty():
                queue.get_nowait()
        await queue.put(last)

    def _events(self, source: Fetch, headers: Headers) -> AsyncGenerator[Answer, None]:
        ready = self.ready

        def subscribe() -> AsyncGenerator[Answer, None]:
            circuit = self.guard.subgraph_client.source_circuit(source.subgraph)
            return self.sources.events(source, ready.variables, headers, circuit)

        if not self.settings.protection.share_subscriptions:
            return subscribe()
        shared = self.guard.shared_headers(ready.client, ready.headers, source.subgraph)
        variables = {name: ready.variables.get(name) for name in source.variables}
        address = self.sources.addresses.get(source.subgraph, "")
        key = (address, source.document, repr(sorted(variables.items())), tuple(shared))
        return self.registry.shared_sources.events(key, subscribe)

    async def _put(self, queue: EventQueue, event: Answer) -> None:
        if not queue.full():
            queue.put_nowait(event)
            return
        try:
            async with asyncio.timeout(self.settings.subscription_limits.slow_seconds):
                await queue.put(event)
        except TimeoutError as error:
            raise subscriber_too_slow() from error

    async def _complete(self, source: Fetch, event: Answer) -> Response:
        """Answer one event, in a trace of its own."""
        ready = self.ready
        trace = self.tracing.begin({})
        trace.open("SUBSCRIBE", "/graphql")
        trace.name(ready.operation)
        deadline = time.monotonic() + self.settings.limits.seconds
        sender = self.guard.sender(ready.client, ready.headers, self.subgraphs, trace, deadline)

        async def send(request: Request) -> Answer:
            if request.fetch is not source:
                return await sender(request)
            if self.guard.subgraph_client.masks and "errors" in event:
                sender.mask(event, source.subgraph)
            return event

        with trace.stage("graphql.execute"):
            response = await ready.run(send)
        response = ready.report(response, trace)
        codes = [fault.code or "" for fault in response.faults]
        trace.finish(200, codes, ready.operation)
        return response


def _source(operation: PreparedOperation) -> Fetch:
    root = operation.plan.root
    if not isinstance(root, Subscribe):
        raise SubscriptionsUnsupported(
            "This subscription selects no field of any subgraph.", "该订阅不涉及任何子图。"
        )
    return root.source


def internal_error() -> GatewayError:
    """Return the error for a failure of the gateway itself, whose log holds the details."""
    return GatewayError(
        "The gateway failed; its log holds the details.", "网关内部错误；详情见日志。"
    )
