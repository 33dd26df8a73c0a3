"""What transports of many answers share: one question in, its answers out one by one."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING

from gateway.errors import GatewayError, MethodNotAllowed
from gateway.execution.http import Sender
from gateway.result import Response
from gateway.serving.documents import Refused
from gateway.serving.limits import check_variables
from gateway.serving.question import Question
from gateway.serving.subscriptions import Subscriber
from gateway.serving.tracing import RequestTrace

if TYPE_CHECKING:
    from gateway.serving.graphql import GraphQL


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
    question: Question,
    headers: Mapping[str, str],
    locale: str,
    *,
    only_reads: bool = False,
) -> Asked:
    """Begin to answer; raise Refused, or MethodNotAllowed for a mutation where none may be."""
    trace = graphql.state.tracing.begin(headers)
    trace.open("SUBSCRIBE", "/graphql")
    try:
        found = _ready(graphql, question, headers, locale, trace, only_reads=only_reads)
    except Refused as refused:
        trace.close(200, [error.code for error in refused.errors])
        raise
    return Asked(trace, found)


def _ready(
    graphql: "GraphQL",
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
    except GatewayError as error:
        raise Refused(error) from error
    passed_on = graphql.passed_on(headers)
    if prepared.kind == "subscription":
        return Subscriber(
            prepared=prepared,
            variables=variables,
            headers=passed_on,
            locale=locale,
            subgraphs=state.subgraphs,
            sources=state.sources,
            tracing=state.tracing,
            metrics=state.metrics,
            crowd=state.crowd,
            settings=settings,
        )
    deadline = time.monotonic() + settings.limits.seconds
    sender = Sender(state.subgraphs, passed_on, deadline, trace)

    async def run() -> Response:
        started = time.perf_counter()
        with trace.stage("graphql.execute"):
            response = await prepared.executable.run(variables, sender, locale)
        response.extensions["traceId"] = trace.trace_id
        codes = [fault.code or "" for fault in response.faults]
        seconds = time.perf_counter() - started
        state.metrics.request(prepared.kind, prepared.name, codes, seconds)
        return response

    return asyncio.ensure_future(run())
