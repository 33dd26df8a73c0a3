"""Decode OTLP as OpenTelemetry's exporters send it: protobuf, compressed or not, with limits."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # ships no stubs
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan, Status

MAX_BYTES = 8_000_000
MAX_TEXT = 2_000

Attributes = dict[str, Any]


class Unreadable(ValueError):
    """A request body cannot be decoded; the message says why."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link of a span to a span of another trace."""

    trace_id: bytes
    span_id: bytes


@dataclass(frozen=True, slots=True)
class Span:
    """One operation of one service."""

    trace_id: bytes
    span_id: bytes
    parent_id: bytes | None
    service: str
    name: str
    kind: int
    start_ns: int
    end_ns: int
    error: bool
    message: str
    attributes: Attributes
    events: list[tuple[str, int, Attributes]]
    links: list[Link]


@dataclass(frozen=True, slots=True)
class Reading:
    """The value of one metric series at one time."""

    name: str
    help: str
    kind: str
    labels: tuple[tuple[str, str], ...]
    value: float
    buckets: tuple[tuple[float, int], ...] = ()
    count: int = 0


def decompress(body: bytes, encoding: str) -> bytes:
    """Undo the content encoding, with a limit on the size. Raises `Unreadable`."""
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "deflate"):
        raise Unreadable(f"content-encoding {encoding} is not supported; send gzip or none")
    inflate = zlib.decompressobj(wbits=47 if encoding == "gzip" else 15)
    try:
        text = inflate.decompress(body, MAX_BYTES)
    except zlib.error as problem:
        raise Unreadable(f"the body is not {encoding}: {problem}") from problem
    if inflate.unconsumed_tail:
        raise Unreadable(
            f"the body decompresses to more than {MAX_BYTES} bytes; send smaller batches"
        )
    return text


def spans(body: bytes) -> list[Span]:
    """Return the spans of a trace export. Raises `Unreadable`."""
    request = ExportTraceServiceRequest()
    _parse(request, body)
    spans: list[Span] = []
    for resource in request.resource_spans:
        service = _service(resource.resource.attributes)
        for scope in resource.scope_spans:
            spans.extend(_span(service, span) for span in scope.spans if _is_valid(span))
    return spans


def readings(body: bytes) -> Iterator[Reading]:
    """Yield the readings of a metrics export. Raises `Unreadable`."""
    request = ExportMetricsServiceRequest()
    _parse(request, body)
    for resource in request.resource_metrics:
        attributes = _attributes(resource.resource.attributes)
        resource_labels = [("service", _service(resource.resource.attributes))]
        if instance := attributes.get("service.instance.id"):
            resource_labels.append(("instance", str(instance)))
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                yield from _readings(metric, resource_labels)


def _parse(request: ExportTraceServiceRequest | ExportMetricsServiceRequest, body: bytes) -> None:
    try:
        request.ParseFromString(body)
    except DecodeError as problem:
        raise Unreadable(f"the body is not an OTLP protobuf message: {problem}") from problem


def _is_valid(span: WireSpan) -> bool:
    return len(span.trace_id) == 16 and len(span.span_id) == 8 and span.start_time_unix_nano > 0


def _span(service: str, span: WireSpan) -> Span:
    return Span(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_id=span.parent_span_id or None,
        service=service,
        name=_text(span.name),
        kind=span.kind,
        start_ns=span.start_time_unix_nano,
        end_ns=max(span.end_time_unix_nano, span.start_time_unix_nano),
        error=span.status.code == Status.STATUS_CODE_ERROR,
        message=_text(span.status.message),
        attributes=_attributes(span.attributes),
        events=[
            (_text(event.name), event.time_unix_nano, _attributes(event.attributes))
            for event in span.events[:100]
        ],
        links=[
            Link(link.trace_id, link.span_id)
            for link in span.links[:100]
            if len(link.trace_id) == 16
        ],
    )


def _readings(metric: Metric, resource_labels: list[tuple[str, str]]) -> Iterator[Reading]:
    kind = metric.WhichOneof("data")
    if kind in ("gauge", "sum"):
        monotonic = kind == "sum" and metric.sum.is_monotonic
        for point in getattr(metric, kind).data_points:
            value = point.as_double if point.HasField("as_double") else float(point.as_int)
            name = "counter" if monotonic else "gauge"
            yield Reading(
                metric.name,
                metric.description,
                name,
                _labels(point.attributes, resource_labels),
                value,
            )
    elif kind == "histogram":
        for point in metric.histogram.data_points:
            bounds = (*point.explicit_bounds, float("inf"))
            buckets, total = [], 0
            for bound, count in zip(bounds, point.bucket_counts, strict=False):
                total += count
                buckets.append((bound, total))
            labels = _labels(point.attributes, resource_labels)
            yield Reading(
                *(metric.name, metric.description, "histogram", labels, point.sum),
                tuple(buckets),
                point.count,
            )


def _labels(
    attributes: Iterable[KeyValue], resource_labels: list[tuple[str, str]]
) -> tuple[tuple[str, str], ...]:
    own_labels = ((name, str(value)) for name, value in _attributes(attributes).items())
    return tuple(sorted([*resource_labels, *own_labels]))


def _service(attributes: Iterable[KeyValue]) -> str:
    return str(_attributes(attributes).get("service.name", "unknown"))[:100]


def _attributes(attributes: Iterable[KeyValue]) -> Attributes:
    return {_text(pair.key): _value(pair.value) for pair in attributes}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    match kind:
        case None:
            return None
        case "string_value":
            return _text(value.string_value)
        case "array_value":
            return [_value(item) for item in value.array_value.values[:100]]
        case "kvlist_value":
            return _attributes(value.kvlist_value.values)
        case "bytes_value":
            return value.bytes_value[:100].hex()
        case _:
            return getattr(value, kind)


def _text(text: str) -> str:
    # PostgreSQL's text type cannot hold NUL.
    return text[:MAX_TEXT].replace("\x00", "")
