"""What execution tells whoever watches it: a fetch began, a fetch ended, which trace it belongs to."""

from typing import Protocol

from opentelemetry.trace import Span

from gateway.execution.transport import Request


class Observer(Protocol):
    """Watches the fetches of one request."""

    def fetch_started(self, request: Request, address: str) -> Span | None:
        """Open a span, or answer None when nobody records this request."""

    def trace_lines(self, span: Span | None) -> bytes:
        """The header lines that carry the trace to the subgraph."""

    def fetch_ended(self, span: Span | None, subgraph: str, code: str, seconds: float) -> None:
        """Close the span and count; `code` is OK or the code of the failure."""


class Silent:
    """Watches nothing; for tests and tools."""

    def fetch_started(self, request: Request, address: str) -> Span | None:
        """Nobody records."""
        return None

    def trace_lines(self, span: Span | None) -> bytes:
        """No trace."""
        return b""

    def fetch_ended(self, span: Span | None, subgraph: str, code: str, seconds: float) -> None:
        """Nobody counts."""
