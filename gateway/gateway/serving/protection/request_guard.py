"""Guards every request before it is executed: who sends it, how often, which policies hold for it.

Also decides what each subgraph is sent about the client, and until when it may answer.
"""

import hashlib
import time
from collections.abc import Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from gateway.errors import Unauthenticated
from gateway.execution.http.client import Headers, Subgraphs
from gateway.execution.http.signing import HEADER as SIGNATURE_HEADER
from gateway.execution.observer import Observer
from gateway.serving.observability.metrics import Metrics
from gateway.serving.observability.stage import Stage
from gateway.serving.protection.caller import ANONYMOUS, Caller
from gateway.serving.protection.client_address import ClientAddresses
from gateway.serving.protection.header_rules import apply_rules, check_rules
from gateway.serving.protection.pinned_version import PinnedVersion
from gateway.serving.protection.policy_decisions import PolicyDecider, PolicyQuestion
from gateway.serving.protection.rate_limits import RateLimiter
from gateway.serving.protection.subgraph_client import SubgraphClient, SubgraphSender
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.serving.protection.actor_token import ActorTokens
    from gateway.serving.protection.bearer_tokens import BearerTokens


class Client(NamedTuple):
    """The sender of a request: its address, and the caller that its token names."""

    address: str
    caller: Caller = ANONYMOUS


class OperationName(NamedTuple):
    """The properties of an operation that a policy decision depends on."""

    kind: str
    name: str | None
    policies: frozenset[str]


class RequestGuard:
    """The protection of one gateway; reads its files when made, opens connections on first use."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        protection = settings.protection
        self.settings = settings
        self.protection = protection
        check_rules(protection.header_rules)
        self.addresses = ClientAddresses(protection.trusted_proxies)
        self.tokens = _bearer_tokens(settings)
        self.decider = PolicyDecider(protection.policies, metrics) if protection.policies else None
        self.actors = _actor_tokens(settings)
        self.limiter = (
            RateLimiter(protection.rates, production=settings.production)
            if protection.rates
            else None
        )
        self.subgraph_client = SubgraphClient(
            protection,
            metrics,
            settings.subgraph_limits.seconds,
            production=settings.production,
        )
        self.pinned = PinnedVersion(protection.pin) if protection.pin else None
        own = (protection.actor, protection.pin)
        self._forbidden = {SIGNATURE_HEADER, *(part.header for part in own if part)}

    async def close(self) -> None:
        """Close what was opened."""
        for part in (self.tokens, self.decider, self.limiter, self.pinned):
            if part is not None:
                await part.close()

    async def admit(self, scope: Mapping[str, Any], headers: Mapping[str, str]) -> Client:
        """Return the client of a request; raises Unauthenticated or RateLimited."""
        address = self.addresses.address(scope, headers)
        caller = ANONYMOUS
        if self.tokens is not None:
            try:
                caller = await self.tokens.caller(headers.get("authorization"))
            except Unauthenticated:
                if self.limiter is not None:  # guessing tokens is counted too
                    await self.limiter.count(f"address:{address}")
                raise
        if self.limiter is not None:
            await self.limiter.count(self._rate_key(caller, headers, address))
        return Client(address, caller)

    async def decide_policies(
        self,
        client: Client,
        operation: OperationName,
        headers: Mapping[str, str],
        deadline: float | None = None,
        stage: Stage = lambda _: nullcontext(),
    ) -> Client:
        """Return the client with those of the operation's policies that hold for it.

        Without a decider, or for an operation that demands no policy, nothing is decided.
        `deadline` is on the clock of time.monotonic; None leaves the decider its own timeout.
        """
        if not operation.policies or self.decider is None:
            return client
        question = PolicyQuestion(
            policies=operation.policies,
            subject=client.caller.subject,
            claims=client.caller.claims,
            operation=operation.name,
            kind=operation.kind,
            headers=dict(self.forwarded_headers(client, headers)),
        )
        with stage("graphql.policies"):
            caller = await self.decider.decide(client.caller, question, deadline)
        return client._replace(caller=caller)

    def deadline(self, headers: Mapping[str, str]) -> tuple[float, bool]:
        """Return the deadline on time.monotonic's clock, and whether the client chose it.

        Clients may ask for less time than the settings allow, never for more.
        """
        seconds = self.settings.limits.seconds
        name = self.protection.deadline_header
        text = headers.get(name, "") if name else ""
        chosen = text.isascii() and text.isdigit() and len(text) < 10
        if chosen:
            seconds = min(seconds, int(text) / 1000)
        return time.monotonic() + seconds, chosen

    def sender(
        self,
        client: Client,
        headers: Mapping[str, str],
        subgraphs: Subgraphs,
        observer: Observer,
        deadline: float,
    ) -> SubgraphSender:
        """Return the `send` function of one request."""
        return SubgraphSender(
            self.subgraph_client,
            subgraphs,
            self.forwarded_headers(client, headers),
            client.address,
            headers,
            deadline,
            observer,
        )

    def subscription_headers(
        self, client: Client, headers: Mapping[str, str], subgraph: str, trace_headers: Headers
    ) -> Headers:
        """Return all headers of a subscription to one subgraph, which no SubgraphSender sends."""
        sent = self.shared_headers(client, headers, subgraph)
        if client.address:
            sent = [*sent, ("x-forwarded-for", client.address)]
        sent = [*sent, *trace_headers]
        signer = self.subgraph_client.signer
        parent = dict(trace_headers).get("traceparent", "")
        token = dict(sent).get("authorization")
        return [*sent, signer.header(subgraph, token, b"", parent)] if signer else sent

    def shared_headers(self, client: Client, headers: Mapping[str, str], subgraph: str) -> Headers:
        """Return the headers that are equal for all clients who may share one subscription."""
        forwarded = self.forwarded_headers(client, headers)
        return apply_rules(forwarded, self.protection.header_rules, headers, subgraph)

    def is_stale(self, decided_at: float) -> bool:
        """Tell whether policies decided then, on time.monotonic's clock, must be decided again."""
        if self.decider is None:
            return False
        return time.monotonic() - decided_at > self.decider.settings.again_seconds

    def check_token_still_valid(self, client: Client) -> None:
        """Raise Unauthenticated when the token that began a subscription has expired since."""
        if self.tokens is not None:
            self.tokens.check_time(client.caller)

    def forwarded_headers(self, client: Client, headers: Mapping[str, str]) -> Headers:
        """Return the headers that every subgraph is sent.

        A client can set neither the actor's header nor the pinned one: they are the gateway's own.
        """
        forwarded = [
            (name, headers[name])
            for name in self.settings.headers
            if name in headers and name not in self._forbidden
        ]
        actor = self.actors.header(client.caller) if self.actors else None
        pinned = self.pinned.header() if self.pinned else None
        return [*forwarded, *(header for header in (actor, pinned) if header)]

    def _rate_key(self, caller: Caller, headers: Mapping[str, str], address: str) -> str:
        clients = self.protection.clients
        if caller.subject is not None:
            return f"subject:{caller.subject}"
        key = headers.get(clients.key_header) if clients.keys else None
        name = clients.keys.get(hashlib.sha256(key.encode()).hexdigest()) if key else None
        return f"client:{name}" if name else f"address:{address}"


# Signatures take 8 MB of libraries, so they are imported only where they are configured.


def _bearer_tokens(settings: Settings) -> "BearerTokens | None":
    if settings.protection.authentication is None:
        return None
    from gateway.serving.protection.bearer_tokens import BearerTokens

    return BearerTokens(settings.protection.authentication)


def _actor_tokens(settings: Settings) -> "ActorTokens | None":
    if settings.protection.actor is None:
        return None
    from gateway.serving.protection.actor_token import ActorTokens

    return ActorTokens(settings.protection.actor)
