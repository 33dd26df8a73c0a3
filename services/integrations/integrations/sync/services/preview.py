"""Try a source while a user waits: test its connection, or preview what its records become.

Nothing is written anywhere.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from chassis import telemetry
from chassis.errors import BadInput
from integrations.contract import (
    Access,
    Connector,
    Cursor,
    Failure,
    Fatal,
    Skip,
    SourceRecord,
    Stream,
)
from integrations.delivery.services import Delivery, Parcel, Receipt, Refused, Source
from integrations.specs.domain.source_record import record_id
from integrations.sync.services.page_processing import delivered_id
from integrations.sync.services.runtime import SyncRuntime

MAX_PAGES = 3
SAMPLES_PER_STREAM = 5
# A user waits: what has been read after this long is shown.
TIMEOUT_SECONDS = 20.0
# One request and one page get less time than in a run, in seconds.
REQUEST_TIMEOUT = 10.0
PAGE_DEADLINE = 8.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One raw record, the record it is mapped to, and the predicted receipt of the pool."""

    raw: dict[str, Any]
    record: SourceRecord | None
    receipt: Receipt | None
    problem: Failure | None


@dataclass(frozen=True, slots=True)
class PreviewResult:
    """The samples of a test or preview, or the failure that ended it."""

    samples: Sequence[Sample]
    calls: int
    seconds: float
    total: int | None
    problem: Failure | None


@dataclass(frozen=True, slots=True)
class TriedSource:
    """A source to try; `id` is its installation, `None` where it is not installed."""

    id: UUID | None
    connector: Connector
    credentials: Mapping[str, str]
    priority: int = 100


def find_stream(connector: Connector, name: str | None) -> Stream:
    """Return the named stream, or the first for `None`. Raises `BadInput`."""
    streams = connector.spec.streams
    if name is None:
        return streams[0]
    stream = next((stream for stream in streams if stream.name == name), None)
    if stream is None:
        available = ", ".join(stream.name for stream in streams)
        raise BadInput(
            f"There is no stream {name!r}; available are: {available}.",
            f"没有名为 {name!r} 的数据流，可用的有：{available}。",
            field="stream",
        )
    return stream


def preview_access(runtime: SyncRuntime, source: TriedSource) -> Access:
    """Return what the connector of a tried source may use, with short timeouts.

    An installed source is tried within its own request budget.
    """
    spec = source.connector.spec
    budget_key = str(source.id) if source.id else f"trial:{spec.id}"
    access = runtime.access(budget_key, spec, source.credentials)
    access.timeout = REQUEST_TIMEOUT
    access.deadline = PAGE_DEADLINE
    return access


def test_connection(access: Access, connector: Connector) -> PreviewResult:
    """Read the first page of every stream and map a few records of it."""
    started = time.monotonic()
    samples: list[Sample] = []
    total: int | None = None
    with telemetry.span("test connection", connector=connector.spec.id):
        try:
            for stream in connector.spec.streams:
                raws, count = _read_first(access, connector, stream, SAMPLES_PER_STREAM)
                samples += [_map(connector, stream, raw) for raw in raws]
                total = count if total is None else total + (count or 0)
        except Failure as problem:
            return PreviewResult((), access.calls, time.monotonic() - started, None, problem)
    problems = [sample.problem for sample in samples if sample.problem]
    all_unusable = problems[0] if samples and len(problems) == len(samples) else None
    return PreviewResult(samples, access.calls, time.monotonic() - started, total, all_unusable)


def preview(
    runtime: SyncRuntime, source: TriedSource, access: Access, stream: Stream, limit: int
) -> PreviewResult:
    """Read up to `limit` records, and ask the customer pool what it would do with them."""
    started = time.monotonic()
    with telemetry.span("preview", connector=source.connector.spec.id):
        try:
            raws, total = _read_first(access, source.connector, stream, limit)
            samples = [_map(source.connector, stream, raw) for raw in raws]
            samples = _predict(runtime.delivery, source, stream, samples)
        except Failure as problem:
            return PreviewResult((), access.calls, time.monotonic() - started, None, problem)
    return PreviewResult(samples, access.calls, time.monotonic() - started, total, None)


def _read_first(
    access: Access, connector: Connector, stream: Stream, limit: int
) -> tuple[list[dict[str, Any]], int | None]:
    raws: list[dict[str, Any]] = []
    total: int | None = None
    deadline = time.monotonic() + TIMEOUT_SECONDS
    for number, page in enumerate(connector.pages(access, stream, Cursor()), start=1):
        raws += page.records
        total = page.total
        if len(raws) >= limit or number == MAX_PAGES or time.monotonic() > deadline:
            break
    return raws[:limit], total


def _map(connector: Connector, stream: Stream, raw: dict[str, Any]) -> Sample:
    try:
        return Sample(raw, connector.record(stream, raw), None, None)
    except Skip as problem:
        return Sample(raw, None, None, problem)


def _predict(
    delivery: Delivery, tried: TriedSource, stream: Stream, samples: Sequence[Sample]
) -> list[Sample]:
    id = tried.id or uuid4()
    source = Source(tried.connector.spec.id, id, tried.priority)
    now = datetime.now(UTC)
    parcels = [
        Parcel(
            record_id(id, stream.name, sample.record.external_id),
            delivered_id(stream, sample.record.external_id),
            sample.record,
            sample.record.observed_at or now,
        )
        for sample in samples
        if sample.record
    ]
    try:
        receipts = delivery.absorb(source, parcels, dry_run=True) if parcels else {}
    except Refused as problem:
        raise Fatal(
            "PREVIEW_REFUSED",
            f"The customer pool could not judge the records ({problem.code}: {problem.message}).",
            f"客户池无法判断这些记录（{problem.code}：{problem.message}）。",
        ) from problem
    return [
        Sample(
            sample.raw,
            sample.record,
            receipts.get(delivered_id(stream, sample.record.external_id))
            if sample.record
            else None,
            sample.problem,
        )
        for sample in samples
    ]
