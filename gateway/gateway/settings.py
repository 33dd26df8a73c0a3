"""The settings of one gateway, read once at the start and never changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gateway.protection import Protection

DEFAULT_HEADERS = ("authorization", "accept-language", "x-purpose")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """How GraphiQL's sign-in bar obtains a token: by a mutation of `$username` and `$password`."""

    document: str
    token: str
    """Path of the token inside `data`, with dots: `signIn.accessToken`."""
    errors: str = "errors"
    """Path of a list of `{message}` inside `data`, shown when there is no token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits on one request; a larger one is refused."""

    body_bytes: int = 1_000_000
    tokens: int = 15_000
    depth: int = 25
    aliases: int = 100
    fields: int = 5_000
    directives: int = 200
    repeats: int = 100
    """How often one response key may stand in one selection set; merging them is quadratic work."""
    variables_depth: int = 32
    seconds: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SubgraphLimits:
    """The limits on one request to a subgraph."""

    connect_seconds: float = 2.0
    seconds: float = 20.0
    response_bytes: int = 32_000_000
    connections: int = 256
    """Requests under way at once to one subgraph; further ones wait for a connection."""
    retries: int = 2
    """Further attempts for a query whose connection failed; mutations are never sent twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSource:
    """How a subgraph serves its subscriptions."""

    protocol: Literal["ws", "sse"] = "ws"
    """`graphql-transport-ws`, or server-sent events (graphql-sse, distinct connections)."""
    url: str | None = None
    """The address of its subscriptions, if not the subgraph's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionLimits:
    """The limits on subscriptions, and their timeouts."""

    per_connection: int = 100
    """Operations under way at once on one WebSocket."""
    per_process: int = 10_000
    waiting: int = 64
    """Events queued for a client that is slower than its source; then the source is paused."""
    slow_seconds: float = 10.0
    """A client that accepts no data for so long is disconnected."""
    init_seconds: float = 10.0
    """From the opening of a WebSocket to its `connection_init`."""
    keep_alive_seconds: float = 12.0
    """Between keep-alive comments on an idle event stream."""
    reconnects: int = 5
    """Attempts in a row to reach a lost source again."""
    reconnect_seconds: float = 0.2
    """The pause before the first of them; doubled each time, at most 30 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings; only `supergraph` has no default."""

    supergraph: Path | str
    """A file or `redis://…?pointer=KEY`, both watched for changes, or the SDL itself."""
    subgraph_urls: Mapping[str, str] = field(default_factory=dict)
    """Addresses that take precedence over the supergraph's, by subgraph name."""
    host: str = "127.0.0.1"
    port: int = 4000
    title: str = "Gateway"
    production: bool = False
    """No introspection, no suggestions, no plans, no GraphiQL."""
    headers: tuple[str, ...] = DEFAULT_HEADERS
    """Client headers that are forwarded to every subgraph (`traceparent` always is)."""
    limits: Limits = field(default_factory=Limits)
    subgraph_limits: SubgraphLimits = field(default_factory=SubgraphLimits)
    protection: Protection = field(default_factory=Protection)
    event_sources: Mapping[str, EventSource] = field(default_factory=dict)
    """By subgraph name; others serve `graphql-transport-ws` at their own address."""
    subscription_limits: SubscriptionLimits = field(default_factory=SubscriptionLimits)
    labels: tuple[str, ...] = ()
    """Labels of progressive `@override` that are on; `percent(N)` labels need not be listed."""
    documents: int = 1_000
    """The most prepared operations that are cached."""
    document_characters: int = 250_000
    """The most characters of their documents together; planned, one costs about 130 bytes."""
    reload_seconds: float = 1.0
    drain_seconds: int = 10
    service_name: str = "gateway"
    otlp_endpoint: str | None = None
    """Base address of an OTLP/HTTP receiver; traces are sent to `{otlp_endpoint}/v1/traces`."""
    trace_ratio: float = 1.0
    """The share of requests that are recorded when the client did not decide."""
    trace_url: str | None = None
    """The address of a page that shows a trace, with `{trace_id}` in it."""
    sign_in: SignIn | None = None
    default_query: str | None = None
