"""After a complete scan: what was not listed again is gone, unless too much is."""

from __future__ import annotations

from integrations.contract import RecordKind, SourceRecord, Stream
from integrations.records.store import source_record
from integrations.specs.domain.source_record import fingerprint, payload_hash
from integrations.sync.commands.page import Done, Kept
from integrations.sync.domain import Completeness, Counters, Outcome
from integrations.sync.services.page import parcel
from integrations.sync.services.place import record_place
from integrations.sync.services.slice import Slice, commit, hand_over

ABSENT_PAGE = 500


def sweep(one: Slice, stream: Stream, following: str) -> bool:
    """After a complete scan: what was not listed again is gone."""
    if one.run.position is None:
        return True
    around, id, run = one.around, one.installation.id, one.run.id
    gone, known = around.db.read(source_record.counts_of_absent, id, stream.name, run)
    believable = Completeness(0, absent=gone, known=known).absence_is_believable
    if not believable and one.run.position == {"absent": 0}:
        commit(one, _nothing_swept(one, stream, following, gone, known))
        return True
    while True:
        if one.over():
            return False
        found = around.db.read(source_record.absent, id, stream.name, run, ABSENT_PAGE)
        _sweep_page(one, stream, following, found)
        if len(found) < ABSENT_PAGE:
            return True


def _sweep_page(
    one: Slice, stream: Stream, following: str, found: list[tuple[str, str, bytes]]
) -> None:
    seal, position = one.around.seal, one.run.position["absent"]
    parcels = [parcel(one.run, stream, _gone(external_id, kind)) for external_id, kind, _ in found]
    receipts = hand_over(one, parcels) if parcels else {}
    kept = []
    for sent, (external_id, kind, sealed) in zip(parcels, found, strict=True):
        raw = seal.open(sealed, record_place(sent.id))
        receipt = receipts[sent.external_id]
        kept.append(
            Kept(
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
    counters = Counters(deleted=sum(each.deleted for each in kept))
    last = len(found) < ABSENT_PAGE
    commit(
        one,
        Done(
            stream=stream.name,
            asked_at={"absent": position},
            next=None if last else {"absent": position + 1},
            counters=counters,
            fetched=0,
            delivered=len(kept),
            total=None,
            kept=kept,
            next_stream=following,
        ),
    )


def _gone(external_id: str, kind: str) -> SourceRecord:
    return SourceRecord(external_id, RecordKind(kind), {}, deleted=True)


def _nothing_swept(one: Slice, stream: Stream, following: str, gone: int, known: int) -> Done:
    return Done(
        stream=stream.name,
        asked_at={"absent": 0},
        next=None,
        counters=Counters(),
        fetched=0,
        delivered=0,
        total=None,
        next_stream=following,
        whole=False,
        reason=(
            "TOO_MUCH_ABSENT",
            f"{gone} of {known} records were not listed any more; that looks like a broken source, "
            "so none of them was taken for deleted.",
            f"{known} 条记录中有 {gone} 条不再出现，疑似来源异常，因此未将其视为已删除。",
        ),
    )
