"""One trace a request: continued from the client, recorded when it is sampled, carried on to every subgraph.

A request that is not recorded costs no span at all; its id still travels and is still answered. Neither
the query's text nor a variable ever enters a span.
"""

import logging
import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
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

from gateway.execution.transport import Request
from gateway.serving.documents import Prepared
from gateway.serving.metrics import Metrics
from gateway.settings import Settings

log = logging.getLogger("gateway")

LAST_SPANS_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class Caller:
    """What a `traceparent` header says."""

    trace_id: int
    span_id: int
    sampled: bool


class Tracing:
    """Starts the exporter; made after the fork, because it owns a thread."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings = settings
        self.metrics = metrics
        self.provider: TracerProvider | None = None
        self.tracer: Tracer | None = None
        if settings.otlp_endpoint:
            self.provider = TracerProvider(
                sampler=ALWAYS_ON,  # whether to record is decided before a span is made
                resource=Resource.create({"service.name": settings.service_name}),
            )
            endpoint = f"{settings.otlp_endpoint.rstrip('/')}/v1/traces"
            self.exporter = OTLPSpanExporter(endpoint=endpoint, timeout=5)
            self.provider.add_span_processor(BatchSpanProcessor(self.exporter))
            self.tracer = self.provider.get_tracer("gateway")

    def begin(self, headers: Mapping[str, str]) -> "RequestTrace":
        """Open the trace of one request."""
        caller = read_traceparent(headers.get("traceparent", ""))
        trace_id = caller.trace_id if caller else random.getrandbits(128) or 1
        sampled = caller.sampled if caller else _chosen(trace_id, self.settings.trace_ratio)
        parent = SpanContext(
            trace_id,
            caller.span_id if caller else random.getrandbits(64) or 1,
            is_remote=True,
            trace_flags=TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT),
        )
        return RequestTrace(
            metrics=self.metrics,
            tracer=self.tracer if sampled else None,
            parent=parent,
            continued=caller is not None,
            tracestate=headers.get("tracestate") if caller else None,
        )

    def close(self) -> None:
        """Send what is left, unless the receiver is gone, and stop the thread."""
        if self.provider:
            last = threading.Thread(target=self.provider.force_flush, daemon=True)
            last.start()
            last.join(LAST_SPANS_SECONDS)
            # Ends the retries, which would outlast the process's welcome.
            self.exporter.shutdown()  # type: ignore[no-untyped-call]  # OpenTelemetry leaves it untyped
            self.provider.shutdown()


def _chosen(trace_id: int, ratio: float) -> bool:
    return (trace_id & 0xFFFFFFFFFFFFFFFF) < ratio * 2**64


def read_traceparent(header: str) -> Caller | None:
    """Read the W3C header; None when it is absent or malformed."""
    parts = header.strip().split("-")
    if len(parts) < 4 or [len(part) for part in parts[:4]] != [2, 32, 16, 2] or parts[0] == "ff":
        return None
    try:
        trace_id, span_id, flags = (int(part, 16) for part in parts[1:4])
    except ValueError:
        return None
    return Caller(trace_id, span_id, bool(flags & 1)) if trace_id and span_id else None


@dataclass(slots=True)
class RequestTrace:
    """The trace of one request; also the observer of its fetches."""

    metrics: Metrics
    tracer: Tracer | None
    parent: SpanContext
    """Whom subgraphs name as their parent when nothing is recorded here."""
    continued: bool
    """The client began the trace."""
    tracestate: str | None
    root: Span | None = None
    current: Span | None = None
    started: float = field(default_factory=time.perf_counter)
    started_ns: int = field(default_factory=time.time_ns)

    @property
    def trace_id(self) -> str:
        """The id as everybody writes it."""
        return f"{self.parent.trace_id:032x}"

    def open(self, method: str, path: str) -> None:
        """Open the server span."""
        if self.tracer:
            above = (
                set_span_in_context(NonRecordingSpan(self.parent)) if self.continued else Context()
            )
            self.root = self.current = self.tracer.start_span(
                "graphql",
                context=above,
                kind=SpanKind.SERVER,
                start_time=self.started_ns,
                attributes={"http.request.method": method, "url.path": path, "http.route": path},
            )
            self.parent = self.root.get_span_context()

    def name(self, prepared: Prepared) -> None:
        """Say which operation this is, once it is known."""
        if self.root:
            self.root.update_name(prepared.kind)
            self.root.set_attributes(
                {
                    "graphql.operation.type": prepared.kind,
                    "graphql.document.hash": f"sha256:{prepared.hash}",
                    **({"graphql.operation.name": prepared.name} if prepared.name else {}),
                }
            )

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """A span around one stage; fetches made inside hang below it."""
        if not self.tracer or not self.root:
            yield
            return
        span = self.tracer.start_span(name, context=set_span_in_context(self.root))
        self.current = span
        try:
            yield
        except Exception as error:
            span.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise
        finally:
            self.current = self.root
            span.end()

    def close(self, status: int, codes: Sequence[str]) -> None:
        """End the server span; `codes` are those of the answer's errors."""
        if self.root:
            self.root.set_attribute("http.response.status_code", status)
            if codes:
                self.root.set_attribute("graphql.error.count", len(codes))
                self.root.set_attribute("error.type", codes[0])
                self.root.set_status(Status(StatusCode.ERROR, codes[0]))
            self.root.end()

    # ------------------------------------------------------------------------------ as Observer

    def fetch_started(self, request: Request, address: str) -> Span | None:
        """Open a client span."""
        if not self.tracer or not self.current:
            return None
        fetch, where = request.fetch, urlsplit(address)
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
                "server.address": where.hostname or "",
                "server.port": where.port or (443 if where.scheme == "https" else 80),
            },
        )

    def trace_headers(self, span: Span | None) -> Sequence[tuple[str, str]]:
        """`traceparent` of this fetch, and the caller's `tracestate`."""
        context = span.get_span_context() if span else self.parent
        flags = int(context.trace_flags)
        parent = ("traceparent", f"00-{context.trace_id:032x}-{context.span_id:016x}-{flags:02x}")
        return (parent, ("tracestate", self.tracestate)) if self.tracestate else (parent,)

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
