"""The seam to the subgraphs: one request out, one parsed GraphQL response or one failure back."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from gateway.plan import Fetch

Answer = dict[str, Any]
"""A subgraph's response as it was sent: an object with `data`, `errors` or both."""


class Stream(ABC):
    """A body that is never in memory as a whole, and can be read more than once."""

    def __init__(self, size: int) -> None:
        self.size = size
        """The size in bytes."""

    @abstractmethod
    def pieces(self) -> Iterator[bytes]:
        """Yield the whole body, a little at a time; may wait for a disk."""

    def digest(self) -> bytes:
        """Return the SHA-256 of the whole body; may wait for a disk."""
        digest = hashlib.sha256()
        for piece in self.pieces():
            digest.update(piece)
        return digest.digest()


@dataclass(frozen=True, slots=True)
class Request:
    """One GraphQL request to one subgraph, written as bytes."""

    fetch: Fetch
    body: bytes
    entities: int = 0
    """The number of representations that it holds."""
    content_type: str = ""
    """The body's content type when it is not JSON."""
    stream: Stream | None = None
    """A large body, instead of `body`."""


Send = Callable[[Request], Awaitable[Answer]]
"""Sends a request to `request.fetch.subgraph`; raises SubgraphFailed, never anything else."""
