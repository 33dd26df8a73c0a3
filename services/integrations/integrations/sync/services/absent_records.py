"""Mark records as deleted that a complete scan did not list, unless too many are missing."""

from __future__ import annotations

from integrations.contract import RecordKind, SourceRecord, Stream
from integrations.records.domain import Outcome, source_record_associated_data
from integrations.records.store import source_record
from integrations.specs.domain.source_record import fingerprint, payload_hash
from integrations.sync.commands.page_commit import PageResult, StoredRecord
from integrations.sync.domain import Completeness, Counters
from integrations.sync.services.page_processing import make_parcel
from integrations.sync.services.time_slice import TimeSlice

PAGE_SIZE = 500


def delete_absent_records(time_slice: TimeSlice, stream: Stream, next_stream: str) -> bool:
    """Deliver the deletion of every record the scan did not list.

    Returns whether all were processed before the slice was over.
    """
    if time_slice.run.position is None:
        return True
    db, id, run = time_slice.runtime.db, time_slice.installation.id, time_slice.run.id
    absent, present = db.read(source_record.counts_of_absent, id, stream.name, run)
    plausible = Completeness(0, absent=absent, present=present).absence_is_plausible
    if not plausible and time_slice.run.position == {"absent": 0}:
        time_slice.commit(_refused_deletion(stream, next_stream, absent, present))
        return True
    while True:
        if time_slice.is_over():
            return False
        rows = db.read(source_record.absent, id, stream.name, run, PAGE_SIZE)
        _delete_page(time_slice, stream, next_stream, rows)
        if len(rows) < PAGE_SIZE:
            return True


def _delete_page(
    time_slice: TimeSlice, stream: Stream, next_stream: str, rows: list[tuple[str, str, bytes]]
) -> None:
    seal, number = time_slice.runtime.seal, time_slice.run.position["absent"]
    parcels = [
        make_parcel(time_slice.run, stream, _deletion(external_id, kind))
        for external_id, kind, _ in rows
    ]
    receipts = time_slice.deliver(parcels) if parcels else {}
    records = []
    for sent, (external_id, kind, sealed) in zip(parcels, rows, strict=True):
        raw = seal.open(sealed, source_record_associated_data(sent.id))
        receipt = receipts[sent.external_id]
        records.append(
            StoredRecord(
                id=sent.id,
                external_id=external_id,
                kind=kind,
                payload=sealed,
                payload_hash=payload_hash(raw),
                fingerprint=fingerprint(sent.record),
                observed_at=sent.observed_at,
                outcome=receipt.outcome.value,
                deleted=receipt.outcome is not Outcome.REJECTED,
                customer_id=receipt.customer_id,
                error_code=receipt.code,
                error_en=receipt.message,
                error_zh=receipt.message,
            )
        )
    is_last = len(rows) < PAGE_SIZE
    time_slice.commit(
        PageResult(
            stream=stream.name,
            position={"absent": number},
            next_position=None if is_last else {"absent": number + 1},
            counters=Counters(deleted=sum(record.deleted for record in records)),
            fetched=0,
            delivered=len(records),
            total=None,
            records=records,
            next_stream=next_stream,
        ),
    )


def _deletion(external_id: str, kind: str) -> SourceRecord:
    return SourceRecord(external_id, RecordKind(kind), {}, deleted=True)


def _refused_deletion(stream: Stream, next_stream: str, absent: int, present: int) -> PageResult:
    return PageResult(
        stream=stream.name,
        position={"absent": 0},
        next_position=None,
        counters=Counters(),
        fetched=0,
        delivered=0,
        total=None,
        next_stream=next_stream,
        whole=False,
        reason=(
            "TOO_MUCH_ABSENT",
            f"{absent} of {present} records were not listed any more, which suggests a broken "
            "source; none of them was marked as deleted.",
            f"{present} 条记录中有 {absent} 条不再出现，疑似来源异常，因此未将其标记为已删除。",
        ),
    )
