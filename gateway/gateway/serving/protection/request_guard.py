"""What stands between a client and execution: who asks, how often, with which documents; as far as it is configured."""

import hashlib
import time
from collections.abc import Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from gateway.errors import Unauthenticated
from gateway.execution.http.client import Headers, Subgraphs
from gateway.execution.http.signing import HEADER as SIGNED
from gateway.execution.observer import Observer
from gateway.serving.documents.document_cache import Prepared, Stage
from gateway.serving.documents.persisted_documents import Manifest, Stored, not_supported
from gateway.serving.observability.metrics import Metrics
from gateway.serving.protection.caller import NOBODY, Caller
from gateway.serving.protection.client_address import Peers
from gateway.serving.protection.header_rules import check_rules, ruled
from gateway.serving.protection.pinned_version import Pinned
from gateway.serving.protection.policy_decisions import Policing, PolicyQuestion
from gateway.serving.protection.rate_limits import Limiter
from gateway.serving.protection.subgraph_client import Careful, Sending
from gateway.serving.requests.graphql_request import Question
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.serving.protection.actor_token import Actors
    from gateway.serving.protection.bearer_tokens import Tokens


class Visitor(NamedTuple):
    """A caller, and where from."""

    address: str
    caller: Caller = NOBODY


class Edge:
    """One gateway's; reads its files when made, opens connections when asked for the first time."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        protection = settings.protection
        self.settings = settings
        self.protection = protection
        check_rules(protection.header_rules)
        self.peers = Peers(protection.trusted_proxies)
        self.tokens = _tokens(settings)
        self.policing = Policing(protection.policies, metrics) if protection.policies else None
        self.actors = _actors(settings)
        self.limiter = (
            Limiter(protection.rates, production=settings.production) if protection.rates else None
        )
        self.sending = Sending(
            protection,
            metrics,
            settings.subgraph_limits.seconds,
            production=settings.production,
        )
        self.stored = _stored(settings)
        self.pinned = Pinned(protection.pin) if protection.pin else None
        ours = (protection.actor, protection.pin)
        self._forbidden = {SIGNED, *(part.header for part in ours if part)}

    async def close(self) -> None:
        """Close what was opened."""
        for part in (self.tokens, self.policing, self.limiter, self.stored, self.pinned):
            if part is not None:
                await part.close()

    async def admit(self, scope: Mapping[str, Any], headers: Mapping[str, str]) -> Visitor:
        """Who asks; raises Unauthenticated or RateLimited."""
        address = self.peers.address(scope, headers)
        caller = NOBODY
        if self.tokens is not None:
            try:
                caller = await self.tokens.caller(headers.get("authorization"))
            except Unauthenticated:
                if self.limiter is not None:  # guessing tokens is counted too
                    await self.limiter.count(f"address:{address}")
                raise
        if self.limiter is not None:
            await self.limiter.count(self._client(caller, headers, address))
        return Visitor(address, caller)

    async def question(self, question: Question) -> Question:
        """The question with its document's text."""
        if self.stored is not None:
            return await self.stored.question(question)
        if not question.query:
            raise not_supported()
        return question

    async def decided(
        self,
        visitor: Visitor,
        prepared: Prepared,
        headers: Mapping[str, str],
        deadline: float | None = None,
        stage: Stage = lambda _: nullcontext(),
    ) -> Visitor:
        """The visitor with those of the operation's policies that hold, if anybody is asked about them."""
        wanted = prepared.access.policies() if self.policing and prepared.access else None
        if not wanted or self.policing is None:
            return visitor
        question = PolicyQuestion(
            policies=wanted,
            subject=visitor.caller.subject,
            claims=visitor.caller.claims,
            operation=prepared.name,
            kind=prepared.kind,
            headers=dict(self.passed_on(visitor, headers)),
        )
        with stage("graphql.policies"):
            caller = await self.policing.decided(visitor.caller, question, deadline)
        return visitor._replace(caller=caller)

    def deadline(self, headers: Mapping[str, str]) -> tuple[float, bool]:
        """When to stop, and whether the caller chose that: they may ask for less time than there is."""
        seconds = self.settings.limits.seconds
        name = self.protection.deadline_header
        given = headers.get(name, "") if name else ""
        chosen = given.isascii() and given.isdigit() and len(given) < 10
        if chosen:
            seconds = min(seconds, int(given) / 1000)
        return time.monotonic() + seconds, chosen

    def sender(
        self,
        visitor: Visitor,
        headers: Mapping[str, str],
        subgraphs: Subgraphs,
        observer: Observer,
        deadline: float,
    ) -> Careful:
        """`send` for one request."""
        return Careful(
            self.sending,
            subgraphs,
            self.passed_on(visitor, headers),
            visitor.address,
            headers,
            deadline,
            observer,
        )

    def told(
        self, visitor: Visitor, headers: Mapping[str, str], subgraph: str, traced: Headers
    ) -> Headers:
        """What one subgraph is told, where no request of ours is sent for it."""
        told = self.told_of_all(visitor, headers, subgraph)
        if visitor.address:
            told = [*told, ("x-forwarded-for", visitor.address)]
        told = [*told, *traced]
        signer = self.sending.signer
        parent = dict(traced).get("traceparent", "")
        token = dict(told).get("authorization")
        return [*told, signer.header(subgraph, token, b"", parent)] if signer else told

    def told_of_all(self, visitor: Visitor, headers: Mapping[str, str], subgraph: str) -> Headers:
        """The part of it that is the same for everybody who may have the same answer."""
        return ruled(
            self.passed_on(visitor, headers), self.protection.header_rules, headers, subgraph
        )

    def is_stale(self, decided: float) -> bool:
        """Whether what was decided then, on time.monotonic's clock, must be asked again."""
        if self.policing is None:
            return False
        return time.monotonic() - decided > self.policing.settings.again_seconds

    def check_still_valid(self, visitor: Visitor) -> None:
        """Raise Unauthenticated when the token that began something long has expired since."""
        if self.tokens is not None:
            self.tokens.check_time(visitor.caller)

    def passed_on(self, visitor: Visitor, headers: Mapping[str, str]) -> Headers:
        """What every subgraph is told; the actor's header and the pinned one are ours alone."""
        told = [
            (name, headers[name])
            for name in self.settings.headers
            if name in headers and name not in self._forbidden
        ]
        actor = self.actors.header(visitor.caller) if self.actors else None
        pinned = self.pinned.header() if self.pinned else None
        return [*told, *(header for header in (actor, pinned) if header)]

    def _client(self, caller: Caller, headers: Mapping[str, str], address: str) -> str:
        clients = self.protection.clients
        if caller.subject is not None:
            return f"subject:{caller.subject}"
        key = headers.get(clients.key_header) if clients.keys else None
        name = clients.keys.get(hashlib.sha256(key.encode()).hexdigest()) if key else None
        return f"client:{name}" if name else f"address:{address}"


# Signatures take 8 MB of libraries, so only who checks or makes them imports them.


def _tokens(settings: Settings) -> "Tokens | None":
    if settings.protection.authentication is None:
        return None
    from gateway.serving.protection.bearer_tokens import Tokens

    return Tokens(settings.protection.authentication)


def _actors(settings: Settings) -> "Actors | None":
    if settings.protection.actor is None:
        return None
    from gateway.serving.protection.actor_token import Actors

    return Actors(settings.protection.actor)


def _stored(settings: Settings) -> Stored | None:
    protection = settings.protection
    trusted = protection.trusted
    if trusted is None and protection.persisted is None:
        return None
    only = trusted is not None and (settings.production if trusted.only is None else trusted.only)
    return Stored(Manifest(trusted.manifest) if trusted else None, only, protection.persisted)
