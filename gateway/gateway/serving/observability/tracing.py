"""One trace for each request: continued from the client, recorded when sampled, sent on.

A request that is not recorded costs no span at all; its id is still sent on and returned. Neither
the query's text nor a variable ever enters a span.
"""

import logging
import random
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    set_span_in_context,
)

from gateway.execution.http.client import Headers, lines_of
from gateway.execution.transport import Request
from gateway.serving.observability.metrics import Metrics
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.serving.observability.otlp_export import Export

log = logging.getLogger("gateway")


class TraceParent(NamedTuple):
    """The content of a W3C `traceparent` header."""

    trace_id: str
    span_id: str
    sampled: bool


class Tracing:
    """Starts the exporter; made after the fork, because it owns a thread."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings = settings
        self.metrics = metrics
        self.export: Export | None = None
        self.tracer: Tracer | None = None
        if settings.otlp_endpoint:
            from gateway.serving.observability import otlp_export

            self.export = otlp_export.Export(settings.otlp_endpoint, settings.service_name)
            self.tracer = self.export.tracer

    def begin(self, headers: Mapping[str, str]) -> "RequestTrace":
        """Open the trace of one request."""
        header = headers.get("traceparent")
        parent = read_traceparent(header) if header else None
        if parent is not None:
            return RequestTrace(
                self.metrics,
                self.tracer if parent.sampled else None,
                parent,
                tracestate=headers.get("tracestate"),
                continued=True,
            )
        number = random.getrandbits(128) or 1
        sampled = _is_sampled(number, self.settings.trace_ratio)
        first = TraceParent(f"{number:032x}", f"{random.getrandbits(64) or 1:016x}", sampled)
        return RequestTrace(self.metrics, self.tracer if sampled else None, first)

    def close(self) -> None:
        """Send the spans that are left."""
        if self.export:
            self.export.close()


def _is_sampled(trace_id: int, ratio: float) -> bool:
    return (trace_id & 0xFFFFFFFFFFFFFFFF) < ratio * 2**64


def read_traceparent(header: str) -> TraceParent | None:
    """Read the W3C header; None when it is absent or malformed."""
    match = _TRACEPARENT.match(header)
    if match is None:
        return None
    version, trace_id, span_id, flags = match.groups()
    if version == "ff" or trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None
    return TraceParent(trace_id.lower(), span_id.lower(), flags[1] in _ODD)


_TRACEPARENT = re.compile(
    r"\s*([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?\s*$", re.IGNORECASE
)
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16
_ODD = "13579bdfBDF"
"""Last digits of flags whose lowest bit, "sampled", is set."""
_NOTHING = nullcontext()


class Operation(Protocol):
    """What a trace records about an operation."""

    @property
    def kind(self) -> str:
        """Query, mutation or subscription."""

    @property
    def name(self) -> str | None:
        """The name in the document."""

    @property
    def hash(self) -> str:
        """The SHA-256 of the document's text."""


class RequestTrace:
    """The trace of one request; also the observer of its fetches."""

    __slots__ = (
        "continued",
        "current",
        "metrics",
        "root",
        "started",
        "trace_id",
        "traceparent",
        "tracer",
        "tracestate",
    )

    def __init__(
        self,
        metrics: Metrics,
        tracer: Tracer | None,
        parent: TraceParent,
        *,
        tracestate: str | None = None,
        continued: bool = False,
    ) -> None:
        """Take the trace's ids from `parent`; `continued` says that they are the client's."""
        self.metrics = metrics
        self.tracer = tracer
        self.trace_id = parent.trace_id
        self.traceparent = _traceparent(*parent)
        """The parent that subgraphs are sent when nothing is recorded here."""
        self.tracestate = tracestate
        self.continued = continued
        self.root: Span | None = None
        self.current: Span | None = None
        self.started = time.perf_counter()

    def open(self, method: str, path: str) -> None:
        """Open the server span."""
        if self.tracer is None:
            return
        above = Context()
        if self.continued:
            _, trace_id, span_id, flags = self.traceparent.split("-")
            parent = SpanContext(
                int(trace_id, 16),
                int(span_id, 16),
                is_remote=True,
                trace_flags=TraceFlags(int(flags, 16)),
            )
            above = set_span_in_context(NonRecordingSpan(parent))
        self.root = self.current = self.tracer.start_span(
            "graphql",
            context=above,
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method, "url.path": path, "http.route": path},
        )
        context = self.root.get_span_context()
        self.trace_id = f"{context.trace_id:032x}"
        self.traceparent = _of_context(context)

    def name(self, operation: Operation) -> None:
        """Record which operation this is, once the document is prepared."""
        if self.root:
            self.root.update_name(operation.kind)
            self.root.set_attributes(
                {
                    "graphql.operation.type": operation.kind,
                    "graphql.document.hash": f"sha256:{operation.hash}",
                    **({"graphql.operation.name": operation.name} if operation.name else {}),
                }
            )

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Open a span around one stage; fetches made inside become its children."""
        if self.tracer is None or self.root is None:
            return _NOTHING
        return self._stage(name, self.tracer, self.root)

    @contextmanager
    def _stage(self, name: str, tracer: Tracer, root: Span) -> Iterator[None]:
        span = tracer.start_span(name, context=set_span_in_context(root))
        self.current = span
        try:
            yield
        except Exception as error:
            span.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise
        finally:
            self.current = root
            span.end()

    def close(self, status: int, codes: Sequence[str]) -> None:
        """End the server span; `codes` are those of the response's errors."""
        if self.root:
            self.root.set_attribute("http.response.status_code", status)
            if codes:
                self.root.set_attribute("graphql.error.count", len(codes))
                self.root.set_attribute("error.type", codes[0])
                self.root.set_status(Status(StatusCode.ERROR, codes[0]))
            self.root.end()

    def finish(self, status: int, codes: list[str], operation: "Operation | None") -> None:
        """End the server span and count the request; without an operation it counts as refused."""
        self.close(status, codes)
        self.metrics.request(
            operation.kind if operation else "refused",
            operation.name if operation else None,
            codes,
            time.perf_counter() - self.started,
        )

    # ------------------------------------------------------------------------------ as Observer

    def fetch_started(self, request: Request, address: str) -> Span | None:
        """Open a client span."""
        if not self.tracer or not self.current:
            return None
        fetch, url = request.fetch, urlsplit(address)
        return self.tracer.start_span(
            f"fetch {fetch.subgraph}",
            context=set_span_in_context(self.current),
            kind=SpanKind.CLIENT,
            attributes={
                "graphql.operation.type": fetch.kind,
                "graphql.operation.name": fetch.operation_name,
                "gateway.subgraph.name": fetch.subgraph,
                "gateway.fetch.id": fetch.id,
                "gateway.fetch.entities": request.entities,
                "http.request.method": "POST",
                "server.address": url.hostname or "",
                "server.port": url.port or (443 if url.scheme == "https" else 80),
            },
        )

    def trace_headers(self, span: Span | None = None) -> Headers:
        """Return the `traceparent` of this fetch, and the client's `tracestate`."""
        parent = _of_context(span.get_span_context()) if span else self.traceparent
        if self.tracestate:
            return ("traceparent", parent), ("tracestate", self.tracestate)
        return (("traceparent", parent),)

    def trace_lines(self, span: Span | None) -> bytes:
        """Return the same as HTTP header lines."""
        return lines_of(self.trace_headers(span))

    def fetch_ended(self, span: Span | None, subgraph: str, code: str, seconds: float) -> None:
        """End the client span and count the fetch."""
        self.metrics.fetch(subgraph, code, seconds)
        if code != "OK":
            log.warning("subgraph %s: %s", subgraph, code, extra={"trace_id": self.trace_id})
        if span:
            if code != "OK":
                span.set_attribute("error.type", code)
                span.set_status(Status(StatusCode.ERROR, code))
            span.end()


def _of_context(context: SpanContext) -> str:
    sampled = bool(int(context.trace_flags) & 1)
    return _traceparent(f"{context.trace_id:032x}", f"{context.span_id:016x}", sampled)


def _traceparent(trace_id: str, span_id: str, sampled: bool) -> str:
    return f"00-{trace_id}-{span_id}-0{sampled:d}"
