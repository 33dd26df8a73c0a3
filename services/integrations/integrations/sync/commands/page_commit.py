"""Commit one page of a run in one transaction: records, links, dead letters, counters, checkpoint.

All of it or nothing is written, so a crash costs one page of work and no record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, null, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from chassis.db import among
from integrations.core.domain.failure import Fatal
from integrations.records.domain import Stage
from integrations.records.store.dead_letter import dead_letter
from integrations.records.store.source_record import source_record
from integrations.sync.commands.lease import lock_leased
from integrations.sync.domain import Counters
from integrations.sync.store import SyncRunRow, sync_page, sync_run


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record that was delivered, with the receipt of the customer pool."""

    id: UUID
    external_id: str
    kind: str
    payload: bytes
    payload_hash: bytes
    fingerprint: bytes | None
    observed_at: datetime
    outcome: str
    deleted: bool
    customer_id: UUID | None
    error_code: str | None = None
    error_en: str | None = None
    error_zh: str | None = None


@dataclass(frozen=True, slots=True)
class FailedRecord:
    """A record that becomes a dead letter."""

    record_key: str
    external_id: str | None
    source_record_id: UUID | None
    stage: Stage
    code: str
    en: str
    zh: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class PageResult:
    """The result of one page."""

    stream: str
    position: Any
    """The position the page was read at."""
    next_position: Any
    """The position to continue at; `None` at the end of the stream."""
    counters: Counters
    fetched: int
    delivered: int
    total: int | None
    records: Sequence[StoredRecord] = ()
    seen: Sequence[str] = ()
    """External ids of listed records, where the run detects deletions."""
    resolved: Sequence[str] = ()
    """Record keys whose dead letters this page resolves."""
    failed: Sequence[FailedRecord] = ()
    watermark: Any = None
    keep_first_watermark: bool = True
    next_stream: str | None = None
    whole: bool = True
    reason: tuple[str, str, str] | None = None
    """Code, English and Chinese text of the reason for which the stream is not complete."""
    timings: dict[str, int] = field(default_factory=dict)
    """Milliseconds of the steps `fetch`, `map` and `deliver`."""


def commit_page(session: Session, run: UUID, fence: int, result: PageResult) -> SyncRunRow:
    """Write the result of a page and return the new state of the run. Raises `LeaseLost`."""
    present = lock_leased(session, run, fence)
    _store_records(session, present, result)
    _mark_seen(session, present, result)
    _resolve_dead_letters(session, present, result)
    _store_dead_letters(session, present, result)
    _store_page(session, present, result)
    _checkpoint(session, present, result)
    return lock_leased(session, run, fence)


_UPSERT = text(
    """
    INSERT INTO source_record (id, installation_id, stream, external_id, kind, payload,
      payload_hash, fingerprint, observed_at, revision, run_id, seen_run_id, outcome, deleted,
      customer_id, error_code, error_en, error_zh, trace_id)
    SELECT id, :installation, :stream, external_id, kind, payload, payload_hash, fingerprint,
      observed_at, :revision, :run, :run, outcome, deleted, customer_id, error_code, error_en,
      error_zh, :trace
    FROM unnest(CAST(:id AS uuid[]), CAST(:external_id AS text[]), CAST(:kind AS text[]),
      CAST(:payload AS bytea[]), CAST(:payload_hash AS bytea[]), CAST(:fingerprint AS bytea[]),
      CAST(:observed_at AS timestamptz[]), CAST(:outcome AS text[]), CAST(:deleted AS boolean[]),
      CAST(:customer_id AS uuid[]), CAST(:error_code AS text[]), CAST(:error_en AS text[]),
      CAST(:error_zh AS text[]))
      AS new (id, external_id, kind, payload, payload_hash, fingerprint, observed_at, outcome,
        deleted, customer_id, error_code, error_en, error_zh)
    ON CONFLICT (id) DO UPDATE SET
      kind = excluded.kind, payload = excluded.payload, payload_hash = excluded.payload_hash,
      fingerprint = excluded.fingerprint, observed_at = excluded.observed_at,
      revision = excluded.revision, run_id = excluded.run_id, seen_run_id = excluded.seen_run_id,
      outcome = excluded.outcome, deleted = excluded.deleted,
      customer_id = coalesce(excluded.customer_id, source_record.customer_id),
      error_code = excluded.error_code, error_en = excluded.error_en,
      error_zh = excluded.error_zh, trace_id = excluded.trace_id, received_at = now(),
      attempts = CASE WHEN source_record.fingerprint IS NULL
        THEN source_record.attempts + 1 ELSE 1 END
    """
)
_COLUMNS = tuple(StoredRecord.__dataclass_fields__)


def _store_records(session: Session, run: SyncRunRow, result: PageResult) -> None:
    if not result.records:
        return
    # Rows are locked in one order everywhere, so that two runs cannot deadlock.
    records = sorted(result.records, key=lambda record: record.id)
    columns: dict[str, Any] = {
        name: [getattr(record, name) for record in records] for name in _COLUMNS
    }
    session.execute(
        _UPSERT,
        columns
        | {
            "installation": run.installation_id,
            "stream": result.stream,
            "revision": run.revision,
            "run": run.id,
            "trace": run.trace_id,
        },
    )
    # The fact of a merge may have arrived between the delivery and this commit.
    session.execute(_FOLLOW_MERGES, {"ids": columns["id"]})


_FOLLOW_MERGES = text(
    """
    UPDATE source_record s SET customer_id = a.merged_into FROM customer_access a
    WHERE s.id = ANY(CAST(:ids AS uuid[])) AND a.customer_id = s.customer_id
      AND a.merged_into IS NOT NULL
    """
)


def _mark_seen(session: Session, run: SyncRunRow, result: PageResult) -> None:
    if result.seen:
        table = source_record
        session.execute(
            update(table)
            .where(
                table.c.installation_id == run.installation_id,
                table.c.stream == result.stream,
                among(table.c.external_id, list(result.seen)),
            )
            .values(seen_run_id=run.id)
        )


def _resolve_dead_letters(session: Session, run: SyncRunRow, result: PageResult) -> None:
    if result.resolved:
        table = dead_letter
        session.execute(
            update(table)
            .where(
                table.c.installation_id == run.installation_id,
                table.c.stream == result.stream,
                among(table.c.record_key, list(result.resolved)),
                table.c.state == "OPEN",
            )
            .values(state="RESOLVED", resolved_at=func.now())
        )


_UPSERT_DEAD_LETTER = text(
    """
    INSERT INTO dead_letter (installation_id, stream, record_key, external_id, source_record_id,
      customer_id, run_id, stage, code, message_en, message_zh, payload, trace_id)
    VALUES (:installation, :stream, :record_key, :external_id, :source_record_id,
      (SELECT customer_id FROM source_record WHERE id = :source_record_id), :run, :stage, :code,
      :en, :zh, :payload, :trace)
    ON CONFLICT (installation_id, stream, record_key) WHERE state = 'OPEN' DO UPDATE SET
      run_id = excluded.run_id, stage = excluded.stage, code = excluded.code,
      message_en = excluded.message_en, message_zh = excluded.message_zh,
      payload = excluded.payload, trace_id = excluded.trace_id, last_at = now(),
      attempts = dead_letter.attempts + 1, customer_id = excluded.customer_id
    """
)


def _store_dead_letters(session: Session, run: SyncRunRow, result: PageResult) -> None:
    if result.failed:
        session.execute(
            _UPSERT_DEAD_LETTER,
            [
                asdict(record)
                | {
                    "installation": run.installation_id,
                    "stream": result.stream,
                    "run": run.id,
                    "stage": record.stage.value,
                    "trace": run.trace_id,
                }
                for record in sorted(result.failed, key=lambda record: record.record_key)
            ],
        )


def _store_page(session: Session, run: SyncRunRow, result: PageResult) -> None:
    page = {
        "run_id": run.id,
        "number": run.pages + 1,
        "stream": result.stream,
        "position": result.position,
        "fetched": result.fetched,
        "delivered": result.delivered,
        "dead_lettered": len(result.failed),
        "fetch_ms": result.timings.get("fetch", 0),
        "map_ms": result.timings.get("map", 0),
        "deliver_ms": result.timings.get("deliver", 0),
    }
    try:
        with session.begin_nested():
            session.execute(insert(sync_page).values(page))
    except IntegrityError as problem:
        raise Fatal(
            "LOOP",
            "The source returned a page position this run has already read; it would never end.",
            "来源返回了本次同步已读取过的分页位置，读取将无法结束。",
            fix_en="Check `pager` in the spec.",
            fix_zh="请检查规格中的 `pager`。",
        ) from problem


def _checkpoint(session: Session, run: SyncRunRow, result: PageResult) -> None:
    is_end = result.next_position is None
    watermarks = dict(run.watermarks)
    keep_first = result.keep_first_watermark and result.stream in watermarks
    if result.watermark is not None and not keep_first:
        watermarks[result.stream] = result.watermark
    if is_end and not result.whole:
        watermarks.pop(result.stream, None)
    counters = run.counters + result.counters + Counters(pages=1)
    session.execute(
        update(sync_run)
        .where(sync_run.c.id == run.id)
        .values(
            **asdict(counters),
            stream=result.next_stream if is_end else result.stream,
            position=null() if is_end else result.next_position,
            stream_fetched=0 if is_end else run.stream_fetched + result.fetched,
            stream_total=None if is_end else result.total,
            watermarks=watermarks,
            whole=run.whole and result.whole,
            progress_at=func.now(),
            tries=0,
            **_reason(run, result),
        )
    )


def _reason(run: SyncRunRow, result: PageResult) -> dict[str, Any]:
    """Clear the reason of an earlier suspension, but keep the reason for which a run is partial."""
    if result.reason is None and not run.whole:
        return {}
    code, en, zh = result.reason or (None, None, None)
    return {"error_code": code, "error_en": en, "error_zh": zh, "fix_en": None, "fix_zh": None}
