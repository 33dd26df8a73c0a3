"""The client of all subgraphs, with the protection that the settings ask for.

Header rules, deadlines, circuit breakers, shared queries, uploaded files and masked errors.
"""

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
from gateway.execution.tree import deep_copy
from gateway.protection import Protection
from gateway.serving.observability.metrics import Metrics
from gateway.serving.protection.circuit_breaker import CircuitBreaker, State
from gateway.serving.protection.error_masking import mask
from gateway.serving.protection.header_rules import apply_rules
from gateway.serving.requests.uploaded_files import UploadedFiles

QueryKey = tuple[str, bytes, tuple[tuple[str, str], ...]]


class SubgraphClient:
    """What all requests of one gateway share: circuit breakers, and queries under way."""

    def __init__(
        self, protection: Protection, metrics: Metrics, seconds: float, *, production: bool = False
    ) -> None:
        self.header_rules = protection.header_rules
        self.shares = protection.share_queries
        self.breaker = protection.breaker
        self.timeout_header = (protection.deadline_header or "").encode()
        self.signer = _signer(protection)
        masks = protection.mask_errors
        self.masks = production if masks is None else masks
        self.metrics = metrics
        self.seconds = seconds
        """The timeout of one request to a subgraph."""
        self.circuits: dict[str, CircuitBreaker] = {}
        self.under_way: dict[QueryKey, asyncio.Task[Answer]] = {}

    def circuit(self, subgraph: str) -> CircuitBreaker | None:
        """Return the subgraph's circuit breaker; None where the settings want none."""
        circuit = self.circuits.get(subgraph)
        if circuit is None and self.breaker is not None:
            circuit = CircuitBreaker(subgraph, self.breaker, self._count_change)
            self.circuits[subgraph] = circuit
        return circuit

    def source_circuit(self, subgraph: str) -> CircuitBreaker | None:
        """Return the circuit breaker of a subgraph's subscriptions, which may fail alone."""
        return self.circuit(f"{subgraph} subscriptions")

    def _count_change(self, subgraph: str, state: State) -> None:
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
            f"用于签名子图请求的密钥只有 {len(secret)} 个字符，至少需要 {SHORTEST} 个"
            "（protection.signature，--sign-requests）。",
        )
    return Signer(secret, signature.issuer, signature.seconds)


class SubgraphSender:
    """The `send` function of one request of one client."""

    __slots__ = (
        "address",
        "alone",
        "client",
        "deadline",
        "files",
        "headers",
        "observer",
        "plain_sender",
        "shared",
        "subgraphs",
    )

    def __init__(
        self,
        shared: SubgraphClient,
        subgraphs: Subgraphs,
        headers: Headers,
        address: str,
        client: Mapping[str, str],
        deadline: float,
        observer: Observer,
    ) -> None:
        """Take what is sent to all subgraphs (`headers`) and the client's address and own headers.

        `deadline` is on the clock of time.monotonic.
        """
        self.shared = shared
        self.subgraphs = subgraphs
        self.headers = headers
        self.address = address
        self.client = client
        self.deadline = deadline
        self.observer = observer
        self.alone = False
        """Share no query with other requests."""
        self.files: UploadedFiles | None = None
        # Made once for all fetches, unless header rules differ by subgraph.
        self.plain_sender = self._sender(headers)

    async def __call__(self, request: Request) -> Answer:
        """Send one request; raises SubgraphFailed."""
        shared, sender, headers = self.shared, self.plain_sender, self.headers
        if self.files is not None:
            request = self.files.attach(request)
        if shared.header_rules:
            headers = apply_rules(headers, shared.header_rules, self.client, request.fetch.subgraph)
            sender = self._sender(headers)
        if shared.shares and request.fetch.kind == "query" and not self.alone:
            answer = await self._send_shared(request, headers, sender)
        else:
            answer = await self._send_guarded(request, sender)
        if shared.masks and "errors" in answer:
            self.mask(answer, request.fetch.subgraph)
        return answer

    def mask(self, answer: Answer, subgraph: str) -> None:
        """Mask, in place, the errors of an answer that were not written for clients."""
        language = self.client.get("accept-language", "")
        mask(answer, subgraph, chinese=language.strip().lower().startswith("zh"))

    async def _send_shared(self, request: Request, headers: Headers, sender: Sender) -> Answer:
        key = (request.fetch.subgraph, request.body, tuple(headers))
        under_way = self.shared.under_way
        task = under_way.get(key)
        if task is None:
            # Not awaited directly: when its own client disconnects, others still need the answer.
            task = under_way[key] = asyncio.ensure_future(self._send_guarded(request, sender))
            task.add_done_callback(lambda _: under_way.pop(key, None))
        else:
            self.shared.metrics.shared.add(("subgraph", request.fetch.subgraph))
        answer: Answer = deep_copy(
            await asyncio.shield(task)
        )  # each request builds a tree of its own
        return answer

    async def _send_guarded(self, request: Request, sender: Sender) -> Answer:
        name = request.fetch.subgraph
        circuit = self.shared.circuit(name)
        if circuit is None:
            return await sender(request)
        try:
            probe = circuit.enter()
        except SubgraphUnavailable:
            self.shared.metrics.refused.add(("subgraph", name))
            raise
        began = time.monotonic()
        try:
            answer = await sender(request)
        except SubgraphFailed as failure:
            failed = self._counts_as_failure(failure, self.deadline - began)
            circuit.leave(failed=failed, probe=probe)
            raise
        except BaseException:
            circuit.abandon(probe=probe)
            raise
        circuit.leave(failed=False, probe=probe)
        return answer

    def _sender(self, headers: Headers) -> Sender:
        sent = [*headers, ("x-forwarded-for", self.address)] if self.address else headers
        timeout_header = self.shared.timeout_header
        signer = self.shared.signer
        return Sender(self.subgraphs, sent, self.deadline, self.observer, timeout_header, signer)

    def _counts_as_failure(self, failure: SubgraphFailed, left: float) -> bool:
        """Tell whether a failure shows that the subgraph is unavailable.

        A timeout under a client's short deadline, or an answer in the wrong form, does not.
        """
        if isinstance(failure, SubgraphTimeout):
            return left >= self.shared.seconds / 2
        if isinstance(failure, BadSubgraphAnswer):
            return failure.http_status >= 500
        return isinstance(failure, SubgraphUnavailable)
