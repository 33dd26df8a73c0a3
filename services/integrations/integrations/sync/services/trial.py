"""Tries a source out while somebody waits: does it answer, and what would its records become?
Nothing is written anywhere."""

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
    Retry,
    Skip,
    SourceRecord,
    Stream,
)
from integrations.delivery.services import Delivery, Parcel, Receipt, Refused, Source
from integrations.specs.domain.source_record import record_id
from integrations.sync.services.page import delivered_id
from integrations.sync.services.surroundings import Surroundings

MOST_PAGES = 3
# A person waits: what is there by then is shown.
PATIENCE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One raw record, what it says in our words, and what the pool would make of it."""

    raw: dict[str, Any]
    record: SourceRecord | None
    receipt: Receipt | None
    problem: Failure | None


@dataclass(frozen=True, slots=True)
class Trial:
    """How a try went."""

    samples: Sequence[Sample]
    calls: int
    seconds: float
    total: int | None
    problem: Failure | None


@dataclass(frozen=True, slots=True)
class Tried:
    """Which source is tried, installed or not."""

    id: UUID | None
    connector: Connector
    credentials: Mapping[str, str]
    priority: int = 100


def stream_of(connector: Connector, name: str | None) -> Stream:
    """The named stream, or the first. Raises `BadInput`."""
    streams = connector.spec.streams
    if name is None:
        return streams[0]
    found = next((stream for stream in streams if stream.name == name), None)
    if found is None:
        known = ", ".join(stream.name for stream in streams)
        raise BadInput(
            f"There is no stream {name!r}; there are: {known}.",
            f"没有名为 {name!r} 的数据流，可用的有：{known}。",
            field="stream",
        )
    return found


def probe(access: Access, connector: Connector) -> Trial:
    """Asks every stream for its first page and maps it."""
    started = time.monotonic()
    samples: list[Sample] = []
    total: int | None = None
    with telemetry.span("test connection", connector=connector.spec.id):
        try:
            for stream in connector.spec.streams:
                raws, count = _first(access, connector, stream, 5)
                samples += [_mapped(connector, stream, raw) for raw in raws]
                total = count if total is None else total + (count or 0)
        except Failure as problem:
            return Trial((), access.calls, time.monotonic() - started, None, problem)
    unusable = [each.problem for each in samples if each.problem]
    none_fits = unusable[0] if samples and len(unusable) == len(samples) else None
    return Trial(samples, access.calls, time.monotonic() - started, total, none_fits)


def preview(around: Surroundings, tried: Tried, access: Access, stream: Stream, most: int) -> Trial:
    """Real records, and what the pool says it would do with them; nothing is written."""
    started = time.monotonic()
    with telemetry.span("preview", connector=tried.connector.spec.id):
        try:
            raws, total = _first(access, tried.connector, stream, most)
            samples = [_mapped(tried.connector, stream, raw) for raw in raws]
            samples = _predicted(around.delivery, tried, stream, samples)
        except Failure as problem:
            return Trial((), access.calls, time.monotonic() - started, None, problem)
    return Trial(samples, access.calls, time.monotonic() - started, total, None)


def _first(
    access: Access, connector: Connector, stream: Stream, most: int
) -> tuple[list[dict[str, Any]], int | None]:
    raws: list[dict[str, Any]] = []
    total: int | None = None
    until = time.monotonic() + PATIENCE_SECONDS
    for number, page in enumerate(connector.pages(access, stream, Cursor()), start=1):
        raws += page.records
        total = page.total
        if len(raws) >= most or number == MOST_PAGES or time.monotonic() > until:
            break
    return raws[:most], total


def _mapped(connector: Connector, stream: Stream, raw: dict[str, Any]) -> Sample:
    try:
        return Sample(raw, connector.record(stream, raw), None, None)
    except Skip as problem:
        return Sample(raw, None, None, problem)


def _predicted(
    delivery: Delivery, tried: Tried, stream: Stream, samples: Sequence[Sample]
) -> list[Sample]:
    id = tried.id or uuid4()
    source = Source(tried.connector.spec.id, id, tried.priority)
    now = datetime.now(UTC)
    parcels = [
        Parcel(
            record_id(id, stream.name, each.record.external_id),
            delivered_id(stream, each.record.external_id),
            each.record,
            each.record.observed_at or now,
        )
        for each in samples
        if each.record
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
            each.raw,
            each.record,
            receipts.get(delivered_id(stream, each.record.external_id)) if each.record else None,
            each.problem,
        )
        for each in samples
    ]


def may_pass(problem: Failure) -> bool:
    """Whether trying again later could help."""
    return isinstance(problem, Retry)
