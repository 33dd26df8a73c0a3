"""Decides which policies hold, once a request and before anything is fetched.

An endpoint or a Python function decides; whatever goes wrong with it counts as a no.
"""

import asyncio
import importlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import orjson

from gateway.errors import BadSettings
from gateway.execution.http.client import Headers
from gateway.execution.http.connection_pool import Origin
from gateway.execution.http.outcomes import WireError
from gateway.protection import Policies
from gateway.serving.observability.metrics import Metrics
from gateway.serving.protection.caller import Caller

log = logging.getLogger("gateway")

MOST_ANSWER_BYTES = 1_000_000
CONNECTIONS = 64


@dataclass(frozen=True, slots=True)
class PolicyQuestion:
    """The question which of these policies hold for this caller."""

    policies: frozenset[str]
    subject: str | None
    claims: Mapping[str, Any]
    """The claims of the verified token; empty without one."""
    operation: str | None
    """The operation's name."""
    kind: str
    headers: Mapping[str, str]
    """The headers that subgraphs would be sent."""


Decide = Callable[[PolicyQuestion], Awaitable[Iterable[str]]]


class PolicyDecider:
    """Decides policies by the endpoint or the function of the settings."""

    def __init__(self, settings: Policies, metrics: Metrics) -> None:
        self.settings = settings
        self.metrics = metrics
        if (settings.url is None) == (settings.hook is None):
            raise BadSettings(
                "protection.policies needs either url or hook.",
                "protection.policies 需要且只能设置 url 或 hook 之一。",
            )
        self._decide = _import_hook(settings.hook) if settings.hook else self._request
        self._endpoint: Origin | None = None

    async def decide(
        self, caller: Caller, question: PolicyQuestion, deadline: float | None = None
    ) -> Caller:
        """Return the caller with those of the policies that hold; with none when deciding fails.

        `deadline`, on the clock of time.monotonic, shortens the decider's own timeout.
        """
        seconds = self.settings.seconds
        if deadline is not None:
            seconds = min(seconds, deadline - time.monotonic())
        held: frozenset[str] = frozenset()
        try:
            async with asyncio.timeout(seconds):
                held = frozenset(await self._decide(question)) & question.policies
            self.metrics.policies.add(("outcome", "decided"))
        except Exception as error:
            self.metrics.policies.add(("outcome", "failed"))
            log.error("policies cannot be decided, so none holds: %s", type(error).__name__)
        return replace(caller, policies=held, decided=True)

    async def close(self) -> None:
        """Close the connections."""
        if self._endpoint is not None:
            self._endpoint.close()

    async def _request(self, question: PolicyQuestion) -> Iterable[str]:
        if self._endpoint is None:
            self._endpoint = Origin(
                str(self.settings.url),
                connections=CONNECTIONS,
                connect_seconds=self.settings.seconds,
                response_bytes=MOST_ANSWER_BYTES,
            )
        body = orjson.dumps(
            {
                "policies": sorted(question.policies),
                "subject": question.subject,
                "claims": question.claims,
                "operation": {"name": question.operation, "kind": question.kind},
            }
        )
        headers = _lines([("content-type", "application/json"), *question.headers.items()])
        reply = await self._endpoint.post(headers, body, self.settings.seconds)
        if reply.status != 200:
            raise WireError(f"HTTP {reply.status}")
        answer = orjson.loads(reply.body)["policies"]
        # Only what is plainly true is a yes: neither 1, nor "true", nor an object is.
        return [name for name, verdict in answer.items() if verdict is True]


def _lines(headers: Headers) -> bytes:
    if any(end in part for header in headers for part in header for end in "\r\n"):
        raise ValueError("a header holds a line break")
    return "".join(f"{name}: {value}\r\n" for name, value in headers).encode("latin-1")


def _import_hook(name: str) -> Decide:
    module, _, function = name.partition(":")
    try:
        return cast(Decide, getattr(importlib.import_module(module), function))
    except (ImportError, AttributeError, ValueError) as error:
        raise BadSettings(
            f'protection.policies.hook: "{name}" cannot be imported: {error}.',
            f"protection.policies.hook：无法导入“{name}”：{error}。",
        ) from error
