"""Sends a request's fetches as safely as the settings ask for: headers by rule, the time that is left, circuits, sharing."""

import asyncio
import time
from collections.abc import Mapping

from gateway.errors import (
    BadSettings,
    BadSubgraphAnswer,
    SubgraphFailed,
    SubgraphTimeout,
    SubgraphUnavailable,
)
from gateway.execution.http.client import Headers, Sender, Subgraphs
from gateway.execution.http.signing import SHORTEST, Signer
from gateway.execution.observer import Observer
from gateway.execution.transport import Answer, Request
from gateway.execution.tree import copied
from gateway.protection import Protection
from gateway.serving.observability.metrics import Metrics
from gateway.serving.protection.circuit_breaker import Circuit, State
from gateway.serving.protection.error_masking import mask
from gateway.serving.protection.header_rules import ruled
from gateway.serving.requests.uploads import Files

Key = tuple[str, bytes, tuple[tuple[str, str], ...]]


class Sending:
    """What all requests share: circuits, and queries under way."""

    def __init__(
        self, protection: Protection, metrics: Metrics, seconds: float, *, production: bool = False
    ) -> None:
        self.header_rules = protection.header_rules
        self.shares = protection.share_queries
        self.breaker = protection.breaker
        self.timeout_header = (protection.deadline_header or "").encode()
        self.signer = _signer(protection)
        asked = protection.mask_errors
        self.masks = production if asked is None else asked
        self.metrics = metrics
        self.seconds = seconds
        """What one subgraph request may take."""
        self.circuits: dict[str, Circuit] = {}
        self.under_way: dict[Key, asyncio.Task[Answer]] = {}

    def circuit(self, subgraph: str) -> Circuit | None:
        """The subgraph's circuit."""
        known = self.circuits.get(subgraph)
        if known is None and self.breaker is not None:
            known = self.circuits[subgraph] = Circuit(subgraph, self.breaker, self._told)
        return known

    def source_circuit(self, subgraph: str) -> Circuit | None:
        """The circuit of the subgraph's subscriptions: they may fail where its queries do not."""
        return self.circuit(f"{subgraph} subscriptions")

    def _told(self, subgraph: str, state: State) -> None:
        self.metrics.circuits.add(("subgraph", subgraph), ("state", state))
        self.metrics.circuits_open[subgraph] = state != "closed"


def _signer(protection: Protection) -> Signer | None:
    signature = protection.signature
    if signature is None:
        return None
    secret = signature.read()
    if len(secret) < SHORTEST:
        raise BadSettings(
            f"The secret that signs requests to subgraphs has {len(secret)} characters; it needs "
            f"{SHORTEST} (protection.signature, --sign-requests).",
            f"签名密钥只有 {len(secret)} 个字符，至少需要 {SHORTEST} 个。",
        )
    return Signer(secret, signature.issuer, signature.seconds)


class Careful:
    """`send` for one request of one client."""

    __slots__ = (
        "address",
        "alone",
        "client",
        "deadline",
        "files",
        "headers",
        "observer",
        "sender",
        "sending",
        "subgraphs",
    )

    def __init__(
        self,
        sending: Sending,
        subgraphs: Subgraphs,
        headers: Headers,
        address: str,
        client: Mapping[str, str],
        deadline: float,
        observer: Observer,
    ) -> None:
        """`address` is the caller's, `client` their own headers, `headers` what all subgraphs are told."""
        self.sending = sending
        self.subgraphs = subgraphs
        self.headers = headers
        self.address = address
        self.client = client
        self.deadline = deadline
        self.observer = observer
        self.alone = False
        """Nothing is shared with other requests."""
        self.files: Files | None = None
        # Written once for all fetches, unless subgraphs are told different things.
        self.sender = self._sender(headers)

    async def __call__(self, request: Request) -> Answer:
        """Send."""
        sending, sender, headers = self.sending, self.sender, self.headers
        if self.files is not None:
            request = self.files.attach(request)
        if sending.header_rules:
            headers = ruled(headers, sending.header_rules, self.client, request.fetch.subgraph)
            sender = self._sender(headers)
        if sending.shares and request.fetch.kind == "query" and not self.alone:
            answer = await self._shared(request, headers, sender)
        else:
            answer = await self._guarded(request, sender)
        if sending.masks and "errors" in answer:
            self.mask(answer, request.fetch.subgraph)
        return answer

    def mask(self, answer: Answer, subgraph: str) -> None:
        """Take words out of the answer that were not written for clients."""
        language = self.client.get("accept-language", "")
        mask(answer, subgraph, chinese=language.strip().lower().startswith("zh"))

    async def _shared(self, request: Request, headers: Headers, sender: Sender) -> Answer:
        key = (request.fetch.subgraph, request.body, tuple(headers))
        under_way = self.sending.under_way
        task = under_way.get(key)
        if task is None:
            # Not awaited directly: when its own client goes away the others still want the answer.
            task = under_way[key] = asyncio.ensure_future(self._guarded(request, sender))
            task.add_done_callback(lambda _: under_way.pop(key, None))
        else:
            self.sending.metrics.shared.add(("subgraph", request.fetch.subgraph))
        answer: Answer = copied(await asyncio.shield(task))  # everybody builds a tree of their own
        return answer

    async def _guarded(self, request: Request, sender: Sender) -> Answer:
        name = request.fetch.subgraph
        circuit = self.sending.circuit(name)
        if circuit is None:
            return await sender(request)
        try:
            probe = circuit.enter()
        except SubgraphUnavailable:
            self.sending.metrics.refused.add(("subgraph", name))
            raise
        began = time.monotonic()
        try:
            answer = await sender(request)
        except SubgraphFailed as failure:
            failed = self._is_its_fault(failure, self.deadline - began)
            circuit.leave(failed=failed, probe=probe)
            raise
        except BaseException:
            circuit.abandon(probe=probe)
            raise
        circuit.leave(failed=False, probe=probe)
        return answer

    def _sender(self, headers: Headers) -> Sender:
        told = [*headers, ("x-forwarded-for", self.address)] if self.address else headers
        timeout_header = self.sending.timeout_header
        signer = self.sending.signer
        return Sender(self.subgraphs, told, self.deadline, self.observer, timeout_header, signer)

    def _is_its_fault(self, failure: SubgraphFailed, left: float) -> bool:
        """A client in a hurry, or an answer in the wrong form, says nothing about availability."""
        if isinstance(failure, SubgraphTimeout):
            return left >= self.sending.seconds / 2
        if isinstance(failure, BadSubgraphAnswer):
            return failure.http_status >= 500
        return isinstance(failure, SubgraphUnavailable)
