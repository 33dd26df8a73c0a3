"""The settings that protect clients, subgraphs and the gateway from each other, all optional."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gateway.errors import BadSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """An issuer of accepted tokens."""

    jwks: str
    """The address or file of its JWK set."""
    issuer: str | None = None
    """The required value of `iss`."""
    audience: tuple[str, ...] = ()
    """The values of which `aud` must hold one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication:
    """Verification of bearer tokens; an invalid token is refused in both modes."""

    issuers: tuple[Issuer, ...]
    mode: Literal["optional", "required"] = "optional"
    algorithms: tuple[str, ...] = ("EdDSA", "Ed25519", "RS256", "ES256")
    scope_claim: str = "scope"
    """The claim with the scopes: words separated by spaces, or a list."""
    policies_claim: str = "policies"
    leeway_seconds: float = 5.0
    refresh_seconds: float = 300.0
    remembered: int = 10_000
    """The most verified tokens that are cached; a signature costs about a hundred microseconds."""
    unauthorized: Literal["filter", "refuse"] = "filter"
    """What becomes of an operation that selects more than its caller may see.

    `filter` leaves fields out, `refuse` refuses the operation.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """The endpoint or Python function that decides `@policy`, once a request.

    Where one is set, it decides alone, for callers without a token too.
    """

    url: str | None = None
    """An endpoint for `POST`; `docs/gateway.md` describes request and response."""
    hook: str | None = None
    """`package.module:function`, an `async def` from `PolicyQuestion` to the policies that hold."""
    seconds: float = 2.0
    """The timeout of a decision; afterwards no policy holds."""
    again_seconds: float = 60.0
    """How long a decision for a subscription is valid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorHeader:
    """A short-lived token, signed by the gateway, that names the caller to subgraphs."""

    key: Path
    """An Ed25519 private key in PEM; its public half is at `/.well-known/jwks.json`."""
    header: str = "x-actor"
    issuer: str = "gateway"
    audience: str = "subgraphs"
    seconds: float = 30.0
    claims: tuple[str, ...] = ("sid",)
    """Further claims that are copied from the caller's token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A signature on every request to a subgraph, which can then refuse direct ones."""

    file: Path | None = None
    """A file with the secret shared with the subgraphs, at least 32 characters."""
    variable: str | None = None
    """The environment variable that holds the secret, where no file is set."""
    issuer: str = "gateway"
    seconds: float = 30.0

    def read(self) -> str:
        """Return the secret; raises BadSettings when its file cannot be read."""
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
    """A change to the headers of subgraph requests; rules are applied in order."""

    action: Literal["propagate", "insert", "remove"]
    name: str
    value: str = ""
    """For `insert` the value; for `propagate` the new name, empty for the same name."""
    subgraph: str | None = None
    """The only subgraph that the rule applies to; None for all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedDocuments:
    """A manifest of the documents that clients were built with."""

    manifest: Path
    only: bool | None = None
    """Refuse every other document; None: in production."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersistedQueries:
    """Automatic persisted queries: a document is sent once, afterwards only its hash."""

    kept: int = 1_000
    """The most documents that each process caches."""
    redis_url: str | None = None
    """A store shared by several gateways."""
    seconds: int = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """The rate limit of each client."""

    requests: int
    seconds: float = 60.0
    redis_url: str | None = None
    """A store in which several gateways count together; otherwise each process counts by itself."""
    when_unreachable: Literal["open", "closed"] | None = None
    """`closed` refuses requests while the store is unreachable; None: in production."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A version that all subgraphs of one operation are sent."""

    redis_url: str
    key: str
    """The key that holds the present version."""
    header: str
    """The header with the version; a client's own header of this name is dropped."""
    channel: str | None = None
    """The channel whose messages announce another version."""
    poll_seconds: float = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    """How clients without a token are told apart."""

    key_header: str = "x-api-key"
    keys: Mapping[str, str] = field(default_factory=dict)
    """The name of a client by the SHA-256 (hex) of its key; unknown keys are ignored."""
    name_header: str = "x-client-name"
    """Names the program in metrics; used for nothing else, because it is not verified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """When the circuit breaker of a subgraph opens."""

    failures: float = 0.5
    """The share of failed requests in a window that opens it."""
    requests: int = 20
    """The fewest requests in a window that can open it."""
    window_seconds: float = 10.0
    open_seconds: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploads:
    """File uploads by the GraphQL multipart request specification."""

    bytes: int = 10_000_000
    """The most bytes of the whole request; they are on the disk, not in memory."""
    files: int = 10
    seconds: float = 300.0
    """The time for receiving the files, and again for sending them on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """All settings of protection."""

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
    """Networks whose `x-forwarded-for` is trusted."""
    breaker: Breaker | None = field(default_factory=Breaker)
    deadline_header: str | None = "x-request-timeout-ms"
    """The header with the milliseconds left; a client may use it to allow less."""
    share_queries: bool = False
    """Send equal queries with equal headers that are under way at once only once."""
    share_subscriptions: bool = False
    """Let equal subscriptions with equal headers share one source; later ones get later events."""
    uploads: Uploads | None = None
    preflight: tuple[str, ...] = (
        "x-requested-with",
        "apollo-require-preflight",
        "x-apollo-operation-name",
    )
    """Headers that no other site's page can send without a preflight.

    Uploads need one of them, or a bearer token.
    """
    preflight_get: bool | None = None
    """Require one of them for GET too; None: in production."""
    mask_errors: bool | None = None
    """Mask the messages of subgraph errors without a code of their own; None: in production."""
    cost: int | None = None
    """The highest cost of an operation by `@cost` and `@listSize`; None for no limit."""
    list_size: int = 10
    """The size of lists without `@listSize`."""
