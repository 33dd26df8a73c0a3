"""Everything about one gateway that its operator may choose, read once and never changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gateway.protection import Protection

DEFAULT_HEADERS = ("authorization", "accept-language", "x-purpose")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """How GraphiQL's sign-in bar gets a token: a mutation of `$username` and `$password`."""

    document: str
    token: str
    """Path of the token inside `data`, with dots: `signIn.accessToken`."""
    errors: str = "errors"
    """Path of a list of `{message}` inside `data`, shown when there is no token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request may cost before it is refused."""

    body_bytes: int = 1_000_000
    tokens: int = 15_000
    depth: int = 25
    aliases: int = 100
    fields: int = 5_000
    directives: int = 200
    repeats: int = 100
    """Of one response key in one selection set; merging them is quadratic work."""
    variables_depth: int = 32
    seconds: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SubgraphLimits:
    """What a subgraph may take before the gateway stops waiting for it."""

    connect_seconds: float = 2.0
    seconds: float = 20.0
    response_bytes: int = 32_000_000
    connections: int = 256
    """Requests under way at once to one subgraph; further ones wait for a place."""
    retries: int = 2
    """Further tries of a query whose connection failed; mutations are never sent twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSource:
    """How a subgraph serves its subscriptions."""

    protocol: Literal["ws", "sse"] = "ws"
    """`graphql-transport-ws`, or server-sent events (graphql-sse, distinct connections)."""
    url: str | None = None
    """Where, if not at the subgraph's own address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionLimits:
    """What subscriptions may take, and how long they are held on to."""

    per_connection: int = 100
    """Operations under way at once on one WebSocket."""
    per_process: int = 10_000
    waiting: int = 64
    """Events kept for a client that is slower than its source; then the source is not read on."""
    slow_seconds: float = 10.0
    """A client that takes nothing for so long is left."""
    init_seconds: float = 10.0
    """From the WebSocket's beginning to its `connection_init`."""
    keep_alive_seconds: float = 12.0
    """Between signs of life on an idle event stream."""
    reconnects: int = 5
    """Tries in a row to find a source again that went away."""
    reconnect_seconds: float = 0.2
    """Before the first of them; then twice as long each time, at most 30 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One gateway; only the supergraph has no default."""

    supergraph: Path | str
    """A file that is watched for changes, `redis://…?pointer=KEY` (watched too), or the SDL itself."""
    subgraph_urls: Mapping[str, str] = field(default_factory=dict)
    """Addresses that win over the supergraph's, by subgraph name."""
    host: str = "127.0.0.1"
    port: int = 4000
    title: str = "Gateway"
    production: bool = False
    """No introspection, no suggestions, no plans, no page."""
    headers: tuple[str, ...] = DEFAULT_HEADERS
    """Headers of the client that every subgraph is sent too (`traceparent` always is)."""
    limits: Limits = field(default_factory=Limits)
    subgraph_limits: SubgraphLimits = field(default_factory=SubgraphLimits)
    protection: Protection = field(default_factory=Protection)
    event_sources: Mapping[str, EventSource] = field(default_factory=dict)
    """By subgraph name; a subgraph that is not named serves `graphql-transport-ws` at its address."""
    subscription_limits: SubscriptionLimits = field(default_factory=SubscriptionLimits)
    labels: tuple[str, ...] = ()
    """Labels of progressive `@override` that are on; `percent(N)` needs no mention."""
    documents: int = 1_000
    """Prepared operations that are kept, at most."""
    document_characters: int = 250_000
    """Their texts' length together, at most; a character costs about 130 bytes once it is planned."""
    reload_seconds: float = 1.0
    drain_seconds: int = 10
    service_name: str = "gateway"
    otlp_endpoint: str | None = None
    """Base address of an OTLP/HTTP receiver; traces go to `{otlp_endpoint}/v1/traces`."""
    trace_ratio: float = 1.0
    """Share of requests that are recorded when the caller did not decide."""
    trace_url: str | None = None
    """Address of a page that shows a trace, with `{trace_id}` in it."""
    sign_in: SignIn | None = None
    default_query: str | None = None
