"""The errors of the gateway: a closed family with stable codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar


class GatewayError(Exception):
    """A failure the client may read: a stable code and one sentence in English and in Chinese."""

    code: ClassVar[str] = "INTERNAL_SERVER_ERROR"
    status: ClassVar[int] = 200  # the HTTP status a GraphQL server answers with
    headers: tuple[tuple[str, str], ...] = ()  # HTTP headers that belong to the refusal

    def __init__(self, en: str, zh: str, **extra: Any) -> None:
        super().__init__(en)
        self.en = en
        self.zh = zh
        self.extra: dict[str, Any] = extra

    def message(self, locale: str) -> str:
        """Return the sentence in the language of the locale."""
        return self.zh if locale.startswith("zh") else self.en


class BadSyntax(GatewayError):
    """The document is not GraphQL."""

    code = "GRAPHQL_PARSE_FAILED"
    status = 400


class BadOperation(GatewayError):
    """The document is GraphQL, but not valid for this schema."""

    code = "GRAPHQL_VALIDATION_FAILED"
    status = 400


class UnknownOperation(GatewayError):
    """No operation has the name, or no name was sent for several operations."""

    code = "OPERATION_RESOLUTION_FAILURE"
    status = 400


class TooComplex(GatewayError):
    """The operation exceeds the limits on its size."""

    code = "OPERATION_TOO_COMPLEX"
    status = 400


class Unplannable(GatewayError):
    """No path through the subgraphs answers the operation.

    Composition should have refused such a graph.
    """

    code = "QUERY_PLANNING_FAILED"
    status = 500


class BadSupergraph(GatewayError):
    """The supergraph cannot be read, or is not one that this gateway supports."""

    code = "INVALID_SUPERGRAPH"
    status = 500


class BadSettings(GatewayError):
    """The settings contradict each other, or name something that does not exist."""

    code = "INVALID_SETTINGS"
    status = 500


class BadVariables(GatewayError):
    """A variable is missing or does not fit its type."""

    code = "BAD_USER_INPUT"
    status = 400


class BadRequest(GatewayError):
    """The request is not a GraphQL request."""

    code = "BAD_REQUEST"
    status = 400


class TooLarge(GatewayError):
    """The request's body is larger than the gateway reads."""

    code = "REQUEST_TOO_LARGE"
    status = 413


class NotAcceptable(GatewayError):
    """The client accepts no media type in which GraphQL responses are written."""

    code = "NOT_ACCEPTABLE"
    status = 406


class UnsupportedMediaType(GatewayError):
    """The content type of the body is not JSON in UTF-8."""

    code = "UNSUPPORTED_MEDIA_TYPE"
    status = 415


class MethodNotAllowed(GatewayError):
    """The HTTP method is not allowed for this operation."""

    code = "METHOD_NOT_ALLOWED"
    status = 405


class IntrospectionDisabled(GatewayError):
    """The operation asks for the schema where introspection is switched off."""

    code = "INTROSPECTION_DISABLED"
    status = 400


class Unauthenticated(GatewayError):
    """The caller is not authenticated: a token is missing, invalid or expired."""

    code = "UNAUTHENTICATED"
    status = 401
    headers = (("www-authenticate", "Bearer"),)


class AuthenticationUnavailable(GatewayError):
    """The issuer's keys cannot be read, so no token can be verified."""

    code = "AUTHENTICATION_UNAVAILABLE"
    status = 503


class Unauthorized(GatewayError):
    """The caller may not see what the operation selects."""

    code = "UNAUTHORIZED_FIELD_OR_TYPE"
    status = 403


class RateLimited(GatewayError):
    """The client sent more requests than its rate limit allows."""

    code = "RATE_LIMITED"
    status = 429


class TooCostly(GatewayError):
    """The estimated cost of the operation is above the limit."""

    code = "COST_ESTIMATED_TOO_EXPENSIVE"
    status = 400


class PersistedQueryNotFound(GatewayError):
    """No document is persisted under the hash; the client sends the text once more."""

    code = "PERSISTED_QUERY_NOT_FOUND"


class PersistedQueryNotSupported(GatewayError):
    """Persisted queries are switched off; the client sends texts."""

    code = "PERSISTED_QUERY_NOT_SUPPORTED"


class NotTrusted(GatewayError):
    """Only the documents of the manifest are served."""

    code = "QUERY_NOT_IN_SAFELIST"
    status = 403


class UnknownDocument(GatewayError):
    """The manifest holds no document with this id."""

    code = "PERSISTED_QUERY_NOT_IN_LIST"
    status = 404


class SubgraphFailed(GatewayError):
    """A subgraph gave no usable response; `extra` always holds `service`."""

    code = "SUBGRAPH_FAILED"


class SubgraphUnavailable(SubgraphFailed):
    """The subgraph cannot be reached, or answers that it is overloaded."""

    code = "SUBGRAPH_UNAVAILABLE"


class SubgraphTimeout(SubgraphFailed):
    """The subgraph, or the whole request, took longer than allowed."""

    code = "SUBGRAPH_TIMEOUT"


class BadSubgraphAnswer(SubgraphFailed):
    """The subgraph's response is not GraphQL, or does not fit the schema."""

    code = "SUBGRAPH_BAD_RESPONSE"
    http_status: int = 0  # of the response, where its status made it unusable


class NullNotAllowed(GatewayError):
    """A non-null field has no value, and no subgraph reported an error for it."""

    code = "NULL_NOT_ALLOWED"


class SubscriptionsUnsupported(GatewayError):
    """A subscription over a transport that carries only queries and mutations."""

    code = "SUBSCRIPTIONS_NOT_SUPPORTED"
    status = 400


class TooManySubscriptions(GatewayError):
    """The connection, or the whole process, is at its limit of subscriptions."""

    code = "TOO_MANY_SUBSCRIPTIONS"
    status = 429


class SubscriberTooSlow(GatewayError):
    """A client takes its events more slowly than they come."""

    code = "SUBSCRIBER_TOO_SLOW"


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason why subgraphs do not compose, and how to fix it."""

    code: str
    message: str
    mend: str
    subgraphs: tuple[str, ...] = ()
    coordinate: str | None = None
    path: tuple[str, ...] = ()  # the path without a continuation, for SATISFIABILITY_ERROR

    def __str__(self) -> str:
        """Return the problem as the command line prints it."""
        place = f" at {self.coordinate}" if self.coordinate else ""
        owner = f" [{', '.join(self.subgraphs)}]" if self.subgraphs else ""
        walk = "".join(f"\n    {step}" for step in self.path)
        return f"{self.code}{owner}{place}: {self.message}{walk}\n  mend: {self.mend}"
