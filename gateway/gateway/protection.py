"""What an operator may choose to keep callers, subgraphs and the gateway safe from each other; each part is optional."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gateway.errors import BadSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """Whose tokens are believed."""

    jwks: str
    """Address or file of the JWK set."""
    issuer: str | None = None
    """What `iss` must say."""
    audience: tuple[str, ...] = ()
    """One of which `aud` must hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication:
    """Bearer tokens are verified here, once; a bad token is refused in both modes."""

    issuers: tuple[Issuer, ...]
    mode: Literal["optional", "required"] = "optional"
    algorithms: tuple[str, ...] = ("EdDSA", "Ed25519", "RS256", "ES256")
    scope_claim: str = "scope"
    """Words with spaces between, or a list."""
    policies_claim: str = "policies"
    leeway_seconds: float = 5.0
    refresh_seconds: float = 300.0
    remembered: int = 10_000
    """Verified tokens; a signature costs about a hundred microseconds."""
    unauthorized: Literal["filter", "refuse"] = "filter"
    """What an operation loses that asks for more than its caller may see: fields, or everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """Who decides what `@policy` asks for: an endpoint or a Python function, once a request.

    Where one is set, it decides alone, for callers without a token too.
    """

    url: str | None = None
    """Asked by `POST`; `docs/gateway.md` says what is sent and answered."""
    hook: str | None = None
    """`package.module:function`, an `async def` from `PolicyQuestion` to the names that hold."""
    seconds: float = 2.0
    """No answer by then is a no."""
    again_seconds: float = 60.0
    """How long what was decided for a subscription holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorHeader:
    """A signed, short-lived token of the gateway's own that tells subgraphs who asks."""

    key: Path
    """An Ed25519 private key in PEM; its public half is at `/.well-known/jwks.json`."""
    header: str = "x-actor"
    issuer: str = "gateway"
    audience: str = "subgraphs"
    seconds: float = 30.0
    claims: tuple[str, ...] = ("sid",)
    """Further claims of the caller's token that are carried over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Every request to a subgraph is signed, so that it can refuse those that went around the gateway."""

    file: Path | None = None
    """At least 32 characters, which the subgraphs know too."""
    variable: str | None = None
    """The environment variable that holds the secret, where no file does."""
    issuer: str = "gateway"
    seconds: float = 30.0

    def read(self) -> str:
        """The secret; raises BadSettings."""
        try:
            if self.file is not None:
                return self.file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise BadSettings(
                f"{self.file} cannot be read: {error}.", f"无法读取 {self.file}。"
            ) from error
        return os.environ.get(self.variable or "", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderRule:
    """One step of what a subgraph is told; rules run in order."""

    action: Literal["propagate", "insert", "remove"]
    name: str
    value: str = ""
    """Of `insert`; of `propagate` the name it gets, its own if empty."""
    subgraph: str | None = None
    """Only this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedDocuments:
    """The documents that clients were built with."""

    manifest: Path
    only: bool | None = None
    """Refuse every other document; None: in production."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersistedQueries:
    """Automatic persisted queries: a document travels once, then its hash does."""

    kept: int = 1_000
    redis_url: str | None = None
    """Shared by several gateways."""
    seconds: int = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """How much one client may ask."""

    requests: int
    seconds: float = 60.0
    redis_url: str | None = None
    """Counted together by several gateways; otherwise each process counts for itself."""
    when_unreachable: Literal["open", "closed"] | None = None
    """None: closed in production, open elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A version that one operation keeps from its first subgraph to its last."""

    redis_url: str
    key: str
    """Where the present version is."""
    header: str
    """What subgraphs are told it by; the client's own header of this name is dropped."""
    channel: str | None = None
    """Whose messages say that there may be another version."""
    poll_seconds: float = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    """How callers are told apart who bring no token."""

    key_header: str = "x-api-key"
    keys: Mapping[str, str] = field(default_factory=dict)
    """Name of a client by the SHA-256 (hex) of its key; an unknown key counts for nothing."""
    name_header: str = "x-client-name"
    """Says in metrics which program asks; believed by nobody else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """When a subgraph is left alone for a while."""

    failures: float = 0.5
    """Share of requests."""
    requests: int = 20
    """Fewer in one window say nothing."""
    window_seconds: float = 10.0
    open_seconds: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploads:
    """Files by the GraphQL multipart request specification."""

    bytes: int = 10_000_000
    """Of the whole request; on the disk, not in memory."""
    files: int = 10
    seconds: float = 300.0
    """For their way to the gateway, and again for the way on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """All of it."""

    authentication: Authentication | None = None
    policies: Policies | None = None
    actor: ActorHeader | None = None
    signature: Signature | None = None
    header_rules: tuple[HeaderRule, ...] = ()
    trusted: TrustedDocuments | None = None
    persisted: PersistedQueries | None = None
    rates: Rates | None = None
    pin: Pin | None = None
    clients: Clients = field(default_factory=Clients)
    trusted_proxies: tuple[str, ...] = ()
    """Networks whose `x-forwarded-for` is believed."""
    breaker: Breaker | None = field(default_factory=Breaker)
    deadline_header: str | None = "x-request-timeout-ms"
    """Tells subgraphs how many milliseconds are left; a caller may use it to allow less."""
    share_queries: bool = False
    """Equal queries under way with equal headers travel once."""
    share_subscriptions: bool = False
    """Equal subscriptions with equal headers listen to one; whoever joins gets what comes from then on."""
    uploads: Uploads | None = None
    preflight: tuple[str, ...] = (
        "x-requested-with",
        "apollo-require-preflight",
        "x-apollo-operation-name",
    )
    """Headers that no other site's page can send unasked; uploads need one, or a bearer token."""
    preflight_get: bool | None = None
    """GET needs one too; None: in production."""
    mask_errors: bool | None = None
    """Errors of subgraphs that have no code of their own lose their words; None: in production."""
    cost: int | None = None
    """The most that an operation may cost by `@cost` and `@listSize`."""
    list_size: int = 10
    """Of a list that nobody says more about."""
