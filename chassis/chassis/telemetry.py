"""Traces, metrics and logs of one process; started after a fork, never before.

A span holds ids, names and counts, never personal data, query text or variables. Without an OTLP
endpoint spans still exist, so that trace ids in logs, audit and claims are real.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from chassis.errors import HuichiError
from chassis.settings import Settings

_PROPAGATOR = TraceContextTextMapPropagator()
_NAME = "huichi"


def start(service: str, settings: Settings) -> None:
    """Set up the tracer, the meter and JSON logs of this process."""
    resource = Resource.create(
        {
            "service.name": service,
            "service.namespace": "huichi",
            "service.instance.id": f"{os.uname().nodename}:{os.getpid()}",
        }
    )
    _start_logs(service)
    tracer = TracerProvider(
        resource=resource,
        sampler=ParentBased(TraceIdRatioBased(float(os.environ.get("HUICHI_SAMPLED", "1")))),
    )
    readers: list[MetricReader] = []
    if settings.otlp_endpoint:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import (
            OTLPMetricExporter,
        )
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
            OTLPSpanExporter,
        )

        base = settings.otlp_endpoint.rstrip("/")
        tracer.add_span_processor(
            BatchSpanProcessor(
                OTLPSpanExporter(f"{base}/v1/traces", timeout=5),
                schedule_delay_millis=500,
            )
        )
        readers.append(
            PeriodicExportingMetricReader(
                OTLPMetricExporter(f"{base}/v1/metrics", timeout=5),
                export_interval_millis=15_000,
            )
        )
    trace.set_tracer_provider(tracer)
    metrics.set_meter_provider(MeterProvider(readers, resource=resource))


def stop() -> None:
    """Send the remaining spans and metrics; called when a process drains."""
    for provider in (trace.get_tracer_provider(), metrics.get_meter_provider()):
        shutdown = getattr(provider, "shutdown", None)
        if shutdown:
            with contextlib.suppress(Exception):  # telemetry never decides how a process ends
                shutdown()


@contextlib.contextmanager
def span(
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    parent: str | None = None,
    link: str | None = None,
    **attributes: Any,
) -> Iterator[Span]:
    """Open a span around a block. `parent` and `link` are W3C `traceparent` values.

    An error marks the span with its code, not its text, which may hold personal data.
    """
    context = _PROPAGATOR.extract({"traceparent": parent}) if parent else None
    links = [Link(linked)] if link and (linked := _span_context(link)) else []
    with trace.get_tracer(_NAME).start_as_current_span(
        name,
        context=context,
        kind=kind,
        links=links,
        attributes={key: value for key, value in attributes.items() if value is not None},
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        try:
            yield current
        except BaseException as problem:
            code = problem.code if isinstance(problem, HuichiError) else type(problem).__name__
            current.set_attribute("error.type", code)
            current.set_status(Status(StatusCode.ERROR, code))
            raise


def traceparent() -> str | None:
    """Return the present span as a W3C `traceparent`, to store it and continue the trace later."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier.get("traceparent")


def trace_id() -> str | None:
    """Return the present trace's id, 32 hex digits, or `None`."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else None


def _span_context(parent: str) -> trace.SpanContext | None:
    context = trace.get_current_span(
        _PROPAGATOR.extract({"traceparent": parent})
    ).get_span_context()
    return context if context.is_valid else None


class _JsonLines(logging.Formatter):
    """Formats a record as one JSON object per line, with its trace id."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if id := trace_id():
            line["trace_id"] = id
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
            line["where"] = _frames(record)
        return orjson.dumps(line).decode()


def _frames(record: logging.LogRecord) -> list[str]:
    """Return file, line and function of the last frames; never the text, which may hold data."""
    assert record.exc_info is not None
    traceback = record.exc_info[2]
    frames: list[str] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        file = os.path.basename(code.co_filename)
        frames.append(f"{file}:{traceback.tb_lineno} {code.co_name}")
        traceback = traceback.tb_next
    return frames[-12:]


def _start_logs(service: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(os.environ.get("HUICHI_LOG_LEVEL", "INFO").upper())
    for noisy in ("uvicorn.access", "urllib3", "opentelemetry", "alembic", "celery", "kombu"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    for own in ("uvicorn", "uvicorn.error"):
        logger = logging.getLogger(own)
        logger.handlers[:] = []
        logger.propagate = True
