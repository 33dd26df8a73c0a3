"""Everything that can go wrong in the gateway, as a closed family with codes, so that nobody invents strings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar


class GatewayError(Exception):
    """A failure the client may read: a stable code and one sentence in English and in Chinese."""

    code: ClassVar[str] = "INTERNAL_SERVER_ERROR"
    status: ClassVar[int] = 200  # the HTTP status a GraphQL server answers with
    headers: tuple[tuple[str, str], ...] = ()  # that belong to the refusal

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


class BadSettings(GatewayError):
    """The operator asked for something that cannot be."""

    code = "INVALID_SETTINGS"
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


class Unauthenticated(GatewayError):
    """Nobody can tell who is asking."""

    code = "UNAUTHENTICATED"
    status = 401
    headers = (("www-authenticate", "Bearer"),)


class AuthenticationUnavailable(GatewayError):
    """The issuer's keys cannot be read, so no token can be checked."""

    code = "AUTHENTICATION_UNAVAILABLE"
    status = 503


class Unauthorized(GatewayError):
    """The caller may not see what the operation asks for."""

    code = "UNAUTHORIZED_FIELD_OR_TYPE"
    status = 403


class RateLimited(GatewayError):
    """The client asked too much in too short a time."""

    code = "RATE_LIMITED"
    status = 429


class TooCostly(GatewayError):
    """The operation would cost more than one may."""

    code = "COST_ESTIMATED_TOO_EXPENSIVE"
    status = 400


class PersistedQueryNotFound(GatewayError):
    """The hash names no document that is known here; the client sends the text once more."""

    code = "PERSISTED_QUERY_NOT_FOUND"


class PersistedQueryNotSupported(GatewayError):
    """Hashes are not understood here; the client sends texts."""

    code = "PERSISTED_QUERY_NOT_SUPPORTED"


class NotTrusted(GatewayError):
    """Only the documents of the manifest are served."""

    code = "QUERY_NOT_IN_SAFELIST"
    status = 403


class UnknownDocument(GatewayError):
    """The manifest holds no document of this id."""

    code = "PERSISTED_QUERY_NOT_IN_LIST"
    status = 404


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
    http_status: int = 0  # where that was what made it unusable


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
