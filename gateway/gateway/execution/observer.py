"""The seam through which execution reports the beginning and the end of fetches to tracing."""

from typing import Protocol

from opentelemetry.trace import Span

from gateway.execution.transport import Request


class Observer(Protocol):
    """Observes the fetches of one request."""

    def fetch_started(self, request: Request, address: str) -> Span | None:
        """Open a span; return None when this request is not recorded."""

    def trace_lines(self, span: Span | None) -> bytes:
        """Return the header lines that carry the trace to the subgraph."""

    def fetch_ended(self, span: Span | None, subgraph: str, code: str, seconds: float) -> None:
        """Close the span and count; `code` is OK or the code of the failure."""


class NoObserver:
    """Observes nothing; for tests and tools."""

    def fetch_started(self, request: Request, address: str) -> Span | None:
        """Record nothing."""
        return None

    def trace_lines(self, span: Span | None) -> bytes:
        """Return no lines."""
        return b""

    def fetch_ended(self, span: Span | None, subgraph: str, code: str, seconds: float) -> None:
        """Count nothing."""
