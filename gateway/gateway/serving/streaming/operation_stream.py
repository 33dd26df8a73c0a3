"""What server-sent events and WebSockets share: one request in, its responses out one by one."""

import contextlib
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from gateway.errors import GatewayError
from gateway.result import Response
from gateway.serving.documents.refusal import Refused
from gateway.serving.observability.tracing import RequestTrace
from gateway.serving.pipeline import Pipeline, ReadyOperation, Source
from gateway.serving.state import State
from gateway.serving.streaming.subscription import Subscription


class OperationStream:
    """An operation that passed the pipeline and answers with any number of responses."""

    def __init__(self, ready: ReadyOperation, trace: RequestTrace) -> None:
        self.ready = ready
        self.trace = trace

    async def responses(self) -> AsyncGenerator[Response, None]:
        """Yield one response to a query or mutation, any number to a subscription.

        Raises a GatewayError when a subscription ends badly.
        """
        ready, trace = self.ready, self.trace
        if ready.operation.kind != "subscription":
            yield await self._respond()
            return
        trace.close(200, [])  # each event has a trace of its own
        _count_client(ready.state, ready.headers, failed=False)
        async with contextlib.aclosing(Subscription(ready).responses()) as responses:
            async for response in responses:
                yield response

    async def _respond(self) -> Response:
        ready, trace = self.ready, self.trace
        metrics = ready.state.metrics
        metrics.in_flight += 1
        try:
            with trace.stage("graphql.execute"):
                response = await ready.run()
        except BaseException:
            trace.close(500, [GatewayError.code])
            raise
        finally:
            metrics.in_flight -= 1
        response = ready.report(response, trace)
        trace.finish(200, [fault.code or "" for fault in response.faults], ready.operation)
        _count_client(ready.state, ready.headers, failed=bool(response.faults))
        return response


async def open_stream(
    pipeline: Pipeline,
    scope: Mapping[str, Any],
    headers: Mapping[str, str],
    source: Source,
    locale: str,
) -> OperationStream:
    """Take one request through the pipeline; raises Refused or another GatewayError.

    Each operation is admitted for itself, also when many share a connection.
    """
    state = pipeline.state
    trace = state.tracing.begin(headers)
    trace.open("SUBSCRIBE", "/graphql")
    try:
        ready = await pipeline.prepare(scope, headers, source, trace, locale, subscribing=True)
    except Refused as refused:
        trace.finish(200, [error.code for error in refused.errors], refused.operation)
        _count_client(state, headers, failed=True)
        raise
    except GatewayError as error:
        trace.finish(error.status, [error.code], None)
        _count_client(state, headers, failed=True)
        raise
    except BaseException:
        trace.close(500, [GatewayError.code])
        raise
    return OperationStream(ready, trace)


def _count_client(state: State, headers: Mapping[str, str], *, failed: bool) -> None:
    """Count a request under the name that the client sends."""
    name = headers.get(state.settings.protection.clients.name_header)
    if name:
        state.metrics.client(name, failed=failed)
