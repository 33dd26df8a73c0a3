"""Process the raw records of a page: map each, drop unchanged ones, deliver the rest.

Records that cannot be mapped, and records the customer pool rejects, become dead letters.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chassis import telemetry
from integrations.contract import Connector, Skip, SourceRecord, Stream
from integrations.core.domain.seal import Seal
from integrations.delivery.services import Parcel, Receipt
from integrations.records.domain import (
    Outcome,
    Stage,
    dead_letter_associated_data,
    source_record_associated_data,
)
from integrations.records.store.source_record import RecordState
from integrations.specs.domain.source_record import fingerprint, payload_hash, record_id
from integrations.sync.commands.page_commit import FailedRecord, StoredRecord
from integrations.sync.domain import Counters, SyncMode
from integrations.sync.store import SyncRunRow

log = logging.getLogger("huichi.integrations.sync")

Raw = dict[str, Any]
ReadStates = Callable[[Sequence[str]], dict[str, RecordState]]
Deliver = Callable[[Sequence[Parcel]], dict[str, Receipt]]


@dataclass(frozen=True, slots=True)
class MappedRecord:
    """A raw record, and the source record it is mapped to."""

    raw: Raw
    record: SourceRecord


@dataclass(frozen=True, slots=True)
class ProcessedPage:
    """The result of the records of one page."""

    counters: Counters
    records: tuple[StoredRecord, ...]
    failed: tuple[FailedRecord, ...]
    seen: tuple[str, ...]
    """External ids of all records the page lists."""
    resolved: tuple[str, ...]
    """Record keys whose dead letters the page resolves."""
    delivered: int
    timings: dict[str, int]
    """Milliseconds of the steps `map` and `deliver`."""


def process_page(
    run: SyncRunRow,
    connector: Connector,
    stream: Stream,
    raws: Sequence[Raw],
    *,
    seal: Seal,
    read_states: ReadStates,
    deliver: Deliver,
) -> ProcessedPage:
    """Map, filter and deliver the records of a page, between its fetch and its commit."""
    started = time.monotonic()
    with telemetry.span("map", records=len(raws)):
        mapped, unmapped = map_records(run, connector, stream, raws, seal)
    states = read_states([item.record.external_id for item in mapped]) if mapped else {}
    changed = [item for item in mapped if _has_changed(run, item.record, states)]
    mapped_at = time.monotonic()
    parcels = [
        make_parcel(run, stream, item.record, states.get(item.record.external_id))
        for item in changed
    ]
    receipts = deliver(parcels) if parcels else {}
    delivered_at = time.monotonic()
    records, rejected = _apply_receipts(run, stream, changed, parcels, receipts, seal)
    failed = (*unmapped, *rejected)
    return ProcessedPage(
        counters=_count(len(raws), len(mapped) - len(changed), records, failed),
        records=records,
        failed=failed,
        seen=(
            *(item.record.external_id for item in mapped),
            *(record.external_id for record in unmapped if record.external_id),
        ),
        resolved=_resolved_keys(mapped, failed),
        delivered=len(parcels),
        timings={
            "map": int((mapped_at - started) * 1000),
            "deliver": int((delivered_at - mapped_at) * 1000),
        },
    )


def map_records(
    run: SyncRunRow, connector: Connector, stream: Stream, raws: Sequence[Raw], seal: Seal
) -> tuple[list[MappedRecord], tuple[FailedRecord, ...]]:
    """Return the records that can be mapped, and a failure for each of the others.

    Of a record that is listed twice on a page the last occurrence counts.
    """
    mapped: dict[str, MappedRecord] = {}
    unmapped: list[FailedRecord] = []
    for raw in raws:
        try:
            record = connector.record(stream, raw)
        except Skip as problem:
            unmapped.append(_unmapped(run, stream, raw, seal, problem))
        except (
            Exception
        ) as problem:  # an error of a connector with one record must not stop the others
            log.exception("a record of stream %s could not be mapped", stream.name)
            unmapped.append(_unmapped(run, stream, raw, seal, _connector_error(problem)))
        else:
            mapped[record.external_id] = MappedRecord(raw, record)
    return list(mapped.values()), tuple(unmapped)


def make_parcel(
    run: SyncRunRow, stream: Stream, record: SourceRecord, state: RecordState | None = None
) -> Parcel:
    """Return the record as it is delivered, with the time it was observed.

    Where the source gives no time of change, or one before the stored state although the record
    changed (something was removed from it), the start of the run is used: it is the same when the
    page is delivered again. A replay never claims to be newer than its record.
    """
    observed_at = record.observed_at
    is_replay = run.mode == SyncMode.REPLAY.value
    if observed_at is None or (state and observed_at < state.observed_at and not is_replay):
        observed_at = run.queued_at
    return Parcel(
        id=record_id(run.installation_id, stream.name, record.external_id),
        external_id=delivered_id(stream, record.external_id),
        record=record,
        observed_at=observed_at,
    )


def delivered_id(stream: Stream, external_id: str) -> str:
    """Return an external id that is unique over the streams of a source."""
    return f"{stream.name}/{external_id}"


def _has_changed(run: SyncRunRow, record: SourceRecord, states: dict[str, RecordState]) -> bool:
    state = states.get(record.external_id)
    if state is None:
        # A record deleted before it was ever stored has nothing to take back.
        return not record.deleted
    observed_at = record.observed_at or run.queued_at
    replays_stored = run.mode == SyncMode.REPLAY.value and state.fingerprint is not None
    if replays_stored and observed_at < state.observed_at:
        # A newer version of the record has arrived since it became a dead letter.
        return False
    return state.fingerprint != fingerprint(record)


def _apply_receipts(
    run: SyncRunRow,
    stream: Stream,
    changed: Sequence[MappedRecord],
    parcels: Sequence[Parcel],
    receipts: dict[str, Receipt],
    seal: Seal,
) -> tuple[tuple[StoredRecord, ...], tuple[FailedRecord, ...]]:
    records: list[StoredRecord] = []
    rejected: list[FailedRecord] = []
    for item, sent in zip(changed, parcels, strict=True):
        receipt = receipts[sent.external_id]
        records.append(_stored(item, sent, receipt, seal))
        if receipt.outcome is Outcome.REJECTED:
            rejected.append(_rejected(run, stream, item, receipt, seal))
    return tuple(records), tuple(rejected)


def _stored(item: MappedRecord, sent: Parcel, receipt: Receipt, seal: Seal) -> StoredRecord:
    record = item.record
    rejected = receipt.outcome is Outcome.REJECTED
    return StoredRecord(
        id=sent.id,
        external_id=record.external_id,
        kind=record.kind.value,
        payload=seal.close(item.raw, source_record_associated_data(sent.id)),
        payload_hash=payload_hash(item.raw),
        fingerprint=None if rejected else fingerprint(record),
        observed_at=sent.observed_at,
        outcome=receipt.outcome.value,
        deleted=record.deleted,
        customer_id=receipt.customer_id,
        error_code=receipt.code,
        error_en=receipt.message,
        error_zh=receipt.message,
    )


def _rejected(
    run: SyncRunRow, stream: Stream, item: MappedRecord, receipt: Receipt, seal: Seal
) -> FailedRecord:
    key = item.record.external_id
    associated_data = dead_letter_associated_data(run.installation_id, stream.name, key)
    return FailedRecord(
        record_key=key,
        external_id=key,
        source_record_id=record_id(run.installation_id, stream.name, key),
        stage=Stage.DELIVER,
        code=receipt.code or "REJECTED",
        en=receipt.message or "The customer pool refused the record.",
        zh=receipt.message or "客户池拒绝了该记录。",
        payload=seal.close(item.raw, associated_data),
    )


def _unmapped(run: SyncRunRow, stream: Stream, raw: Raw, seal: Seal, problem: Skip) -> FailedRecord:
    external_id = _external_id(stream, raw)
    key = external_id or _hash_key(raw)
    associated_data = dead_letter_associated_data(run.installation_id, stream.name, key)
    return FailedRecord(
        record_key=key,
        external_id=external_id,
        source_record_id=record_id(run.installation_id, stream.name, external_id)
        if external_id
        else None,
        stage=Stage.MAP,
        code=problem.code,
        en=problem.en,
        zh=problem.zh,
        payload=seal.close(raw, associated_data),
    )


def _external_id(stream: Stream, raw: Raw) -> str | None:
    try:
        return stream.mapping.external_id(raw)
    except Skip:
        return None


def _hash_key(raw: Raw) -> str:
    """Return the record key of a record without an external id."""
    return "sha256:" + payload_hash(raw).hex()


def _connector_error(problem: Exception) -> Skip:
    return Skip(
        "MAPPING_FAILED",
        f"The connector failed on this record ({type(problem).__name__}).",
        f"连接器处理该记录时出错（{type(problem).__name__}）。",
    )


def _resolved_keys(
    mapped: Sequence[MappedRecord], failed: Sequence[FailedRecord]
) -> tuple[str, ...]:
    """Return the record keys that had no failure now, whose dead letters are thereby resolved.

    The key by hash is included: a corrected mapping may give an id to a record that had none.
    """
    failed_keys = {record.record_key for record in failed}
    keys: list[str] = []
    for item in mapped:
        if item.record.external_id not in failed_keys:
            keys += [item.record.external_id, _hash_key(item.raw)]
    return tuple(keys)


def _count(
    fetched: int,
    unchanged: int,
    records: Sequence[StoredRecord],
    failed: Sequence[FailedRecord],
) -> Counters:
    counters = Counters(
        fetched=fetched,
        unchanged=unchanged,
        dead_lettered=len(failed),
        deleted=sum(record.deleted for record in records),
    )
    for record in records:
        counters = counters.counting(Outcome(record.outcome))
    return counters
