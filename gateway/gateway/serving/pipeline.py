"""The one pipeline between a transport and execution.

Every transport (JSON, multipart of `@defer`, server-sent events, WebSocket) hands its requests to
`Pipeline.prepare`, runs the `ReadyOperation` that comes back, and has each response finished by
`ReadyOperation.report`. So a check that is added here holds for all of them.
"""

import time
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.errors import GatewayError, MethodNotAllowed, SubscriptionsUnsupported
from gateway.execution.deferral import DeferredExecutable
from gateway.execution.transport import Send
from gateway.plan import print_plan
from gateway.result import Response
from gateway.serving.documents.operation_limits import check_variables
from gateway.serving.documents.persisted_documents import persisted_queries_unsupported
from gateway.serving.documents.prepared_operation import PreparedOperation
from gateway.serving.documents.refusal import Refused
from gateway.serving.observability.tracing import RequestTrace
from gateway.serving.protection.request_guard import Client, OperationName
from gateway.serving.protection.subgraph_client import SubgraphSender
from gateway.serving.requests.body import Receive
from gateway.serving.requests.graphql_request import GraphQLRequest
from gateway.serving.requests.http_request import read_request, read_whole_post
from gateway.serving.state import State

Source = bytes | GraphQLRequest | Receive
"""Where a request comes from: a whole POST body, a request read already, or ASGI."""


@dataclass(slots=True)
class ReadyOperation:
    """An operation that passed every check, with all that executing and reporting it needs."""

    operation: PreparedOperation
    """What this client may run."""
    whole: PreparedOperation
    """The same with everything in it that any client may see."""
    variables: Mapping[str, Any]
    cost: int | None
    client: Client
    headers: Mapping[str, str]
    """The client's own."""
    sender: SubgraphSender
    locale: str
    state: State

    def deferred(self) -> DeferredExecutable | None:
        """Return the plan in parts; None where these variables defer nothing."""
        plans = self.operation.deferred
        return plans.for_variables(self.variables) if plans else None

    def run(self, send: Send | None = None) -> Awaitable[Response]:
        """Run the operation; await the response and hand it to `report`.

        `send` replaces the operation's own sender. Not a coroutine itself: it would be one more for
        every request.
        """
        return self.operation.executable.run(self.variables, send or self.sender, self.locale)

    def report(self, response: Response, trace: RequestTrace) -> Response:
        """Finish a response: the fields that were left out, cost, plan and trace."""
        operation = self.operation
        if operation.restricted is not None:
            response = operation.restricted.report(response, self.variables, self.locale)
        self.extend(response.extensions, trace)
        return response

    def extend(
        self,
        extensions: dict[str, Any],
        trace: RequestTrace,
        parts: DeferredExecutable | None = None,
    ) -> None:
        """Add cost and plan, as far as the client asks and may, and the trace."""
        settings, headers = self.state.settings, self.headers
        if not settings.production:
            if self.cost is not None and headers.get("x-include-cost") == "1":
                limit = settings.protection.cost
                extensions["cost"] = {"estimated": self.cost, "limit": limit}
            if headers.get("x-include-plan") == "1":
                plan = self.operation.plan if parts is None else parts.plan
                extensions["queryPlan"] = print_plan(plan)
        name_trace(extensions, trace, settings.trace_url)


def name_trace(extensions: dict[str, Any], trace: RequestTrace, trace_url: str | None) -> None:
    """Add the trace's id, and the address of a page that shows it."""
    extensions["traceId"] = trace.trace_id
    if trace_url:
        extensions["traceUrl"] = trace_url.replace("{trace_id}", trace.trace_id)


class Pipeline:
    """Takes requests from all transports of one gateway."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.settings = state.settings

    async def prepare(
        self,
        scope: Mapping[str, Any],
        headers: Mapping[str, str],
        source: Source,
        trace: RequestTrace,
        locale: str,
        *,
        subscribing: bool = False,
    ) -> ReadyOperation:
        """Take one request through every check, in this order.

        deadline, admission, reading, persisted documents, preparing (syntax, limits, validity,
        plan), method, variables, coercion, cost, policies, visibility, uploads, sender.

        `subscribing` says that the transport carries subscriptions. Raises Refused when the
        operation is refused, any other GatewayError when the request is.
        """
        state, settings = self.state, self.settings
        guard = state.guard
        deadline, client_chose = guard.deadline(headers)
        client = await guard.admit(scope, headers)
        if isinstance(source, bytes):  # the usual way costs no further coroutine
            request = read_whole_post(headers, source, settings.limits.body_bytes)
        else:
            request = await self._receive(scope, headers, source)
        files = request.files
        if files is not None and not client_chose:  # sending them on takes as long as receiving
            deadline = max(deadline, time.monotonic() + files.seconds)
        if state.persisted is not None or not request.query:
            request = await self._resolve(request)
        operation = whole = self._operation(request, trace)
        trace.name(operation)
        _check_transport(scope, operation, subscribing=subscribing)
        try:
            check_variables(request.variables, settings.limits)
            variables = operation.coerce(request.variables)
            cost = operation.estimate_cost(settings.protection.cost, variables)
            if operation.access is not None:
                name = OperationName(operation.kind, operation.name, operation.policies)
                client = await guard.decide_policies(client, name, headers, deadline, trace.stage)
                operation = operation.restrict(client.caller)
            if files is not None:
                files.check(operation.kind, operation.plan)
        except GatewayError as error:
            raise Refused(error, operation=operation) from error
        sender = guard.sender(client, headers, state.subgraphs, trace, deadline)
        sender.alone, sender.files = client_chose, files
        return ReadyOperation(
            operation, whole, variables, cost, client, headers, sender, locale, state
        )

    async def _receive(
        self, scope: Mapping[str, Any], headers: Mapping[str, str], source: Source
    ) -> GraphQLRequest:
        if isinstance(source, GraphQLRequest):
            return source
        assert not isinstance(source, bytes)
        return await read_request(scope, headers, source, self.settings)

    async def _resolve(self, request: GraphQLRequest) -> GraphQLRequest:
        """Return the request with the text of the document that it names."""
        if self.state.persisted is None:
            raise persisted_queries_unsupported()
        return await self.state.persisted.resolve(request)

    def _operation(self, request: GraphQLRequest, trace: RequestTrace) -> PreparedOperation:
        """Return the prepared operation of a request, from the cache if it is there."""
        documents, metrics = self.state.rollout.documents(), self.state.metrics
        result = documents.cached(request.query, request.operation_name)
        metrics.document(cached=result is not None)
        if result is None:
            result = documents.prepare(request.query, request.operation_name, trace.stage)
            metrics.documents_kept = len(documents.entries)
        if isinstance(result, Refused):
            # A new one: raising the cached one would lengthen its traceback with every request.
            raise Refused(*result.errors)
        return result


def _check_transport(
    scope: Mapping[str, Any], operation: PreparedOperation, *, subscribing: bool
) -> None:
    if operation.kind == "query":
        return
    if operation.kind == "subscription":
        if not subscribing:
            raise SubscriptionsUnsupported(
                "Subscribe over WebSocket (graphql-transport-ws), "
                "or with Accept: text/event-stream.",
                "请通过 WebSocket（graphql-transport-ws）订阅，或使用 Accept: text/event-stream。",
            )
    elif scope.get("method") == "GET":
        raise MethodNotAllowed("Send mutations by POST.", "请使用 POST 发送 mutation。")
