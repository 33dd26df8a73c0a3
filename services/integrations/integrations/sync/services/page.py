"""From raw records to what a page leaves behind: map each one, drop what says nothing new, deliver
the rest, and set aside what cannot be used."""

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
from integrations.records.store.source_record import Known
from integrations.specs.domain.source_record import fingerprint, payload_hash, record_id
from integrations.sync.commands.page import Kept, LeftAside
from integrations.sync.domain import Counters, Outcome, Stage, SyncMode
from integrations.sync.services.place import letter_place, record_place
from integrations.sync.store import SyncRunRow

log = logging.getLogger("huichi.integrations.sync")

Raw = dict[str, Any]
Remember = Callable[[Sequence[str]], dict[str, Known]]
Deliver = Callable[[Sequence[Parcel]], dict[str, Receipt]]


@dataclass(frozen=True, slots=True)
class Mapped:
    """A raw record in our words."""

    raw: Raw
    record: SourceRecord


@dataclass(frozen=True, slots=True)
class Worked:
    """What became of the records of one page."""

    counters: Counters
    kept: tuple[Kept, ...]
    left_aside: tuple[LeftAside, ...]
    seen: tuple[str, ...]
    """External ids that were there and leave no new row behind."""
    settled: tuple[str, ...]
    delivered: int
    timings: dict[str, int]


def work(
    run: SyncRunRow,
    connector: Connector,
    stream: Stream,
    raws: Sequence[Raw],
    *,
    seal: Seal,
    remember: Remember,
    deliver: Deliver,
) -> Worked:
    """The whole story of a page between its fetch and its commit."""
    started = time.monotonic()
    with telemetry.span("map", records=len(raws)):
        mapped, unusable = map_all(run, connector, stream, raws, seal)
    known = remember([each.record.external_id for each in mapped]) if mapped else {}
    fresh = [each for each in mapped if _is_news(run, each.record, known)]
    mapped_at = time.monotonic()
    parcels = [
        parcel(run, stream, each.record, known.get(each.record.external_id)) for each in fresh
    ]
    receipts = deliver(parcels) if parcels else {}
    delivered_at = time.monotonic()
    kept, rejected = _keep(run, stream, fresh, parcels, receipts, seal)
    left_aside = (*unusable, *rejected)
    return Worked(
        counters=_count(len(raws), len(mapped) - len(fresh), kept, left_aside),
        kept=kept,
        left_aside=left_aside,
        seen=(
            *(each.record.external_id for each in mapped),
            *(letter.external_id for letter in unusable if letter.external_id),
        ),
        settled=_settled(mapped, left_aside),
        delivered=len(parcels),
        timings={
            "map": int((mapped_at - started) * 1000),
            "deliver": int((delivered_at - mapped_at) * 1000),
        },
    )


def map_all(
    run: SyncRunRow, connector: Connector, stream: Stream, raws: Sequence[Raw], seal: Seal
) -> tuple[list[Mapped], tuple[LeftAside, ...]]:
    """Every record that can be mapped, and letters about the others. A record that comes twice on
    a page counts as it came last."""
    mapped: dict[str, Mapped] = {}
    unusable: list[LeftAside] = []
    for raw in raws:
        try:
            record = connector.record(stream, raw)
        except Skip as problem:
            unusable.append(_letter(run, stream, raw, seal, problem))
        except (
            Exception
        ) as problem:  # a connector's mistake about one record must not stop the rest
            log.exception("a record of stream %s could not be mapped", stream.name)
            unusable.append(_letter(run, stream, raw, seal, _mistake(problem)))
        else:
            mapped[record.external_id] = Mapped(raw, record)
    return list(mapped.values()), tuple(unusable)


def parcel(
    run: SyncRunRow, stream: Stream, record: SourceRecord, before: Known | None = None
) -> Parcel:
    """The record as it is sent. Where the source does not say when it changed, or says it changed
    before what we knew already (something was taken away), the run's own start is taken: it is the
    same when the page is sent again. A replay never claims to be newer than it is."""
    observed_at = record.observed_at
    replayed = run.mode == SyncMode.REPLAY.value
    if observed_at is None or (before and observed_at < before.observed_at and not replayed):
        observed_at = run.queued_at
    return Parcel(
        id=record_id(run.installation_id, stream.name, record.external_id),
        external_id=delivered_id(stream, record.external_id),
        record=record,
        observed_at=observed_at,
    )


def delivered_id(stream: Stream, external_id: str) -> str:
    """Two lists of one source may use the same ids for different things."""
    return f"{stream.name}/{external_id}"


def _is_news(run: SyncRunRow, record: SourceRecord, known: dict[str, Known]) -> bool:
    before = known.get(record.external_id)
    if before is None:
        # What is gone before we ever saw it has nothing to take back.
        return not record.deleted
    seen_at = record.observed_at or run.queued_at
    replayed = run.mode == SyncMode.REPLAY.value and before.fingerprint is not None
    if replayed and seen_at < before.observed_at:
        # The source has told something newer since the letter was laid aside.
        return False
    return before.fingerprint != fingerprint(record)


def _keep(
    run: SyncRunRow,
    stream: Stream,
    fresh: Sequence[Mapped],
    parcels: Sequence[Parcel],
    receipts: dict[str, Receipt],
    seal: Seal,
) -> tuple[tuple[Kept, ...], tuple[LeftAside, ...]]:
    kept: list[Kept] = []
    rejected: list[LeftAside] = []
    for each, sent in zip(fresh, parcels, strict=True):
        receipt = receipts[sent.external_id]
        kept.append(_kept(each, sent, receipt, seal))
        if receipt.outcome is Outcome.REJECTED:
            rejected.append(_returned(run, stream, each, receipt, seal))
    return tuple(kept), tuple(rejected)


def _kept(each: Mapped, sent: Parcel, receipt: Receipt, seal: Seal) -> Kept:
    record = each.record
    refused = receipt.outcome is Outcome.REJECTED
    return Kept(
        id=sent.id,
        external_id=record.external_id,
        kind=record.kind.value,
        payload=seal.close(each.raw, record_place(sent.id)),
        payload_hash=payload_hash(each.raw),
        fingerprint=None if refused else fingerprint(record),
        observed_at=sent.observed_at,
        outcome=receipt.outcome.value,
        deleted=record.deleted,
        customer_id=receipt.customer_id,
        error_code=receipt.code,
        error_en=receipt.message,
        error_zh=receipt.message,
    )


def _returned(
    run: SyncRunRow, stream: Stream, each: Mapped, receipt: Receipt, seal: Seal
) -> LeftAside:
    key = each.record.external_id
    message = receipt.message or "The customer pool refuses this record."
    return LeftAside(
        record_key=key,
        external_id=key,
        source_record_id=record_id(run.installation_id, stream.name, key),
        stage=Stage.DELIVER,
        code=receipt.code or "REJECTED",
        en=message,
        zh=receipt.message or "客户池拒绝了该记录。",
        payload=seal.close(each.raw, letter_place(run.installation_id, stream.name, key)),
    )


def _letter(run: SyncRunRow, stream: Stream, raw: Raw, seal: Seal, problem: Skip) -> LeftAside:
    external_id = _external_id(stream, raw)
    key = external_id or "sha256:" + payload_hash(raw).hex()
    return LeftAside(
        record_key=key,
        external_id=external_id,
        source_record_id=record_id(run.installation_id, stream.name, external_id)
        if external_id
        else None,
        stage=Stage.MAP,
        code=problem.code,
        en=problem.en,
        zh=problem.zh,
        payload=seal.close(raw, letter_place(run.installation_id, stream.name, key)),
    )


def _external_id(stream: Stream, raw: Raw) -> str | None:
    try:
        return stream.mapping.external_id(raw)
    except Skip:
        return None


def _mistake(problem: Exception) -> Skip:
    return Skip(
        "MAPPING_FAILED",
        f"The connector failed on this record ({type(problem).__name__}).",
        f"连接器处理该记录时出错（{type(problem).__name__}）。",
    )


def _settled(mapped: Sequence[Mapped], left_aside: Sequence[LeftAside]) -> tuple[str, ...]:
    """Records that went well now, whose earlier dead letters are thereby settled. The key by hash
    is named as well: a better mapping may have given an id to a record that had none."""
    open_still = {letter.record_key for letter in left_aside}
    keys: list[str] = []
    for each in mapped:
        if each.record.external_id not in open_still:
            keys += [each.record.external_id, "sha256:" + payload_hash(each.raw).hex()]
    return tuple(keys)


def _count(
    fetched: int, unchanged: int, kept: Sequence[Kept], left_aside: Sequence[LeftAside]
) -> Counters:
    counters = Counters(
        fetched=fetched,
        unchanged=unchanged,
        dead_lettered=len(left_aside),
        deleted=sum(record.deleted for record in kept),
    )
    for record in kept:
        counters = counters.counting(Outcome(record.outcome))
    return counters
