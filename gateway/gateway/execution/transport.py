"""The seam to the subgraphs: one request out, one parsed GraphQL answer or one named failure back."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from gateway.plan import Fetch

Answer = dict[str, Any]
"""A subgraph's response as it came: an object with `data`, `errors` or both."""


@dataclass(frozen=True, slots=True)
class Request:
    """One GraphQL request to one subgraph, already in bytes."""

    fetch: Fetch
    body: bytes
    entities: int = 0
    """How many representations it asks for."""
    content_type: str = ""
    """Of the body, when it is not JSON."""


Send = Callable[[Request], Awaitable[Answer]]
"""Sends a request to `request.fetch.subgraph`; raises SubgraphFailed, never anything else."""
