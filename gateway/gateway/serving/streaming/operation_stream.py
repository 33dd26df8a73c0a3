"""What transports of many answers share: one question in, its answers out one by one."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, Any

from gateway.errors import GatewayError, MethodNotAllowed
from gateway.result import Response
from gateway.serving.documents.document_cache import Refused
from gateway.serving.documents.operation_limits import check_variables
from gateway.serving.observability.tracing import RequestTrace
from gateway.serving.protection.request_guard import Visitor
from gateway.serving.requests.graphql_request import Question
from gateway.serving.subscriptions.subscription import Subscriber

if TYPE_CHECKING:
    from gateway.serving.http.endpoint import GraphQL


class Asked:
    """A question that may be answered."""

    def __init__(self, trace: RequestTrace, found: "Subscriber | asyncio.Future[Response]") -> None:
        self.trace = trace
        self.found = found

    async def responses(self) -> AsyncGenerator[Response, None]:
        """Yield one answer to a query or mutation, any number to a subscription.

        Raises a GatewayError when a subscription ends badly.
        """
        codes: list[str] = []
        try:
            if not isinstance(self.found, Subscriber):
                response = await self.found
                codes = [fault.code or "" for fault in response.faults]
                yield response
                return
        finally:
            self.trace.close(200, codes)
        async with contextlib.aclosing(self.found.responses()) as responses:
            async for response in responses:
                yield response


async def ask(
    graphql: "GraphQL",
    scope: Mapping[str, Any],
    question: Question,
    headers: Mapping[str, str],
    locale: str,
    *,
    only_reads: bool = False,
) -> Asked:
    """Begin to answer; raise Refused, or MethodNotAllowed for a mutation where none may be.

    Each operation is admitted for itself, also when many share a connection.
    """
    edge = graphql.state.edge
    visitor = await edge.admit(scope, headers)
    if edge.stored is not None or not question.query:
        question = await edge.question(question)
    trace = graphql.state.tracing.begin(headers)
    trace.open("SUBSCRIBE", "/graphql")
    try:
        found = await _ready(
            graphql, visitor, question, headers, locale, trace, only_reads=only_reads
        )
    except Refused as refused:
        trace.close(200, [error.code for error in refused.errors])
        raise
    return Asked(trace, found)


async def _ready(
    graphql: "GraphQL",
    visitor: Visitor,
    question: Question,
    headers: Mapping[str, str],
    locale: str,
    trace: RequestTrace,
    *,
    only_reads: bool,
) -> "Subscriber | asyncio.Future[Response]":
    state, settings = graphql.state, graphql.settings
    prepared = graphql.prepared(question, trace)
    if isinstance(prepared, Refused):
        raise prepared
    trace.name(prepared)
    if only_reads and prepared.kind == "mutation":
        raise MethodNotAllowed("Send mutations by POST.", "请使用 POST 发送 mutation。")
    try:
        check_variables(question.variables, settings.limits)
        variables = prepared.coerce(question.variables)
        prepared.cost_within(settings.protection.cost, variables)
        whole = prepared
        visitor = await state.edge.decided(visitor, prepared, headers, None, trace.stage)
        prepared = prepared.seen_by(visitor.caller)
    except GatewayError as error:
        raise Refused(error) from error
    if prepared.kind == "subscription":
        return Subscriber(
            prepared=prepared,
            whole=whole,
            variables=variables,
            visitor=visitor,
            headers=headers,
            locale=locale,
            edge=state.edge,
            subgraphs=state.subgraphs,
            sources=state.sources,
            tracing=state.tracing,
            metrics=state.metrics,
            crowd=state.crowd,
            settings=settings,
        )
    deadline, hurried = state.edge.deadline(headers)
    sender = state.edge.sender(visitor, headers, state.subgraphs, trace, deadline)
    sender.alone = hurried
    running = prepared

    async def run() -> Response:
        started = time.perf_counter()
        with trace.stage("graphql.execute"):
            response = await running.executable.run(variables, sender, locale)
        if running.variant is not None:
            response = running.variant.report(response, variables, locale)
        response.extensions["traceId"] = trace.trace_id
        codes = [fault.code or "" for fault in response.faults]
        seconds = time.perf_counter() - started
        state.metrics.request(running.kind, running.name, codes, seconds)
        return response

    return asyncio.ensure_future(run())
