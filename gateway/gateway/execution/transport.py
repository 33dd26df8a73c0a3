"""The seam to the subgraphs: one request out, one parsed GraphQL answer or one named failure back."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from gateway.plan import Fetch

Answer = dict[str, Any]
"""A subgraph's response as it came: an object with `data`, `errors` or both."""


class Stream(ABC):
    """A body that is never in memory as a whole, and can be read more than once."""

    def __init__(self, size: int) -> None:
        self.size = size
        """In bytes."""

    @abstractmethod
    def pieces(self) -> Iterator[bytes]:
        """Everything, a little at a time; may wait for a disk."""

    def digest(self) -> bytes:
        """SHA-256 of everything; may wait for a disk."""
        found = hashlib.sha256()
        for piece in self.pieces():
            found.update(piece)
        return found.digest()


@dataclass(frozen=True, slots=True)
class Request:
    """One GraphQL request to one subgraph, already in bytes."""

    fetch: Fetch
    body: bytes
    entities: int = 0
    """How many representations it asks for."""
    content_type: str = ""
    """Of the body, when it is not JSON."""
    stream: Stream | None = None
    """The body instead of `body`, where it is large."""


Send = Callable[[Request], Awaitable[Answer]]
"""Sends a request to `request.fetch.subgraph`; raises SubgraphFailed, never anything else."""
