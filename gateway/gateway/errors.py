"""Everything that can go wrong in the gateway, as a closed family with codes, so that nobody invents strings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar


class GatewayError(Exception):
    """A failure the client may read: a stable code and one sentence in English and in Chinese."""

    code: ClassVar[str] = "INTERNAL_SERVER_ERROR"
    status: ClassVar[int] = 200  # the HTTP status a GraphQL server answers with

    def __init__(self, en: str, zh: str, **extra: Any) -> None:
        super().__init__(en)
        self.en = en
        self.zh = zh
        self.extra: dict[str, Any] = extra

    def message(self, locale: str) -> str:
        """Return the sentence in the reader's language."""
        return self.zh if locale.startswith("zh") else self.en


class BadSyntax(GatewayError):
    """The document is not GraphQL."""

    code = "GRAPHQL_PARSE_FAILED"
    status = 400


class BadOperation(GatewayError):
    """The document is GraphQL, but not an operation that this schema can run."""

    code = "GRAPHQL_VALIDATION_FAILED"
    status = 400


class UnknownOperation(GatewayError):
    """The operation name picks nothing, or picks nothing without a name."""

    code = "OPERATION_RESOLUTION_FAILURE"
    status = 400


class TooComplex(GatewayError):
    """The operation is larger than the gateway is willing to plan."""

    code = "OPERATION_TOO_COMPLEX"
    status = 400


class Unplannable(GatewayError):
    """No walk through the subgraphs answers the operation; composition should have refused the graph."""

    code = "QUERY_PLANNING_FAILED"
    status = 500


class BadSupergraph(GatewayError):
    """The text is not a supergraph that this gateway understands."""

    code = "INVALID_SUPERGRAPH"
    status = 500


class BadVariables(GatewayError):
    """A variable is missing or does not fit its type."""

    code = "BAD_USER_INPUT"
    status = 400


class BadRequest(GatewayError):
    """The HTTP request is not a GraphQL request."""

    code = "BAD_REQUEST"
    status = 400


class TooLarge(GatewayError):
    """The request's body is larger than the gateway reads."""

    code = "REQUEST_TOO_LARGE"
    status = 413


class NotAcceptable(GatewayError):
    """The client reads no media type that GraphQL is written in."""

    code = "NOT_ACCEPTABLE"
    status = 406


class UnsupportedMediaType(GatewayError):
    """The body is not said to be JSON in UTF-8."""

    code = "UNSUPPORTED_MEDIA_TYPE"
    status = 415


class MethodNotAllowed(GatewayError):
    """The HTTP method does not fit."""

    code = "METHOD_NOT_ALLOWED"
    status = 405


class IntrospectionDisabled(GatewayError):
    """The operation asks for the schema where it is not shown."""

    code = "INTROSPECTION_DISABLED"
    status = 400


class SubgraphFailed(GatewayError):
    """A subgraph gave no usable answer; always carries `service`."""

    code = "SUBGRAPH_FAILED"


class SubgraphUnavailable(SubgraphFailed):
    """No connection, or the subgraph says that it cannot serve."""

    code = "SUBGRAPH_UNAVAILABLE"


class SubgraphTimeout(SubgraphFailed):
    """The subgraph, or the whole request, took longer than allowed."""

    code = "SUBGRAPH_TIMEOUT"


class BadSubgraphAnswer(SubgraphFailed):
    """What the subgraph sent is not a GraphQL response, or not one that fits the schema."""

    code = "SUBGRAPH_BAD_RESPONSE"


class NullNotAllowed(GatewayError):
    """A field that may not be null has no value, and no subgraph said why."""

    code = "NULL_NOT_ALLOWED"


class SubscriptionsUnsupported(GatewayError):
    """A subscription where only queries and mutations are served."""

    code = "SUBSCRIPTIONS_NOT_SUPPORTED"
    status = 400


class TooManySubscriptions(GatewayError):
    """A connection, or this whole process, carries all the subscriptions that it may."""

    code = "TOO_MANY_SUBSCRIPTIONS"
    status = 429


class SubscriberTooSlow(GatewayError):
    """A client does not take its events as fast as they come."""

    code = "SUBSCRIBER_TOO_SLOW"


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason why subgraphs do not compose, and how to mend it."""

    code: str
    message: str
    mend: str
    subgraphs: tuple[str, ...] = ()
    coordinate: str | None = None
    path: tuple[str, ...] = ()  # the walk that ends nowhere, for SATISFIABILITY_ERROR

    def __str__(self) -> str:
        place = f" at {self.coordinate}" if self.coordinate else ""
        owner = f" [{', '.join(self.subgraphs)}]" if self.subgraphs else ""
        walk = "".join(f"\n    {step}" for step in self.path)
        return f"{self.code}{owner}{place}: {self.message}{walk}\n  mend: {self.mend}"
