"""Everything a page of a run leaves behind, in one transaction: links, records, dead letters,
counters, and the checkpoint to go on from. All of it or nothing, so a crash costs one page of work
and no record."""

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
from integrations.records.store.dead_letter import dead_letter
from integrations.records.store.source_record import source_record
from integrations.sync.commands.sync_run import hold
from integrations.sync.domain import Counters, Stage
from integrations.sync.store import SyncRunRow, sync_page, sync_run


@dataclass(frozen=True, slots=True)
class Kept:
    """One record that was delivered (or taken note of) and what became of it."""

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
class LeftAside:
    """One record that could not be used."""

    record_key: str
    external_id: str | None
    source_record_id: UUID | None
    stage: Stage
    code: str
    en: str
    zh: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Done:
    """The work of one page."""

    stream: str
    asked_at: Any
    """The position the page was asked at."""
    next: Any
    """Where to go on; nothing when the stream is read to its end."""
    counters: Counters
    fetched: int
    delivered: int
    total: int | None
    kept: Sequence[Kept] = ()
    seen: Sequence[str] = ()
    """External ids that had nothing new, where being seen matters."""
    settled: Sequence[str] = ()
    """Record keys whose dead letters are settled by this page."""
    left_aside: Sequence[LeftAside] = ()
    watermark: Any = None
    keep_first_watermark: bool = True
    next_stream: str | None = None
    whole: bool = True
    reason: tuple[str, str, str] | None = None
    timings: dict[str, int] = field(default_factory=dict)
    trace_id: str | None = None


def commit_page(session: Session, run: UUID, fence: int, done: Done) -> SyncRunRow:
    """The page is done. Raises `Lost` when somebody else has the run by now."""
    present = hold(session, run, fence)
    _keep_records(session, present, done)
    _note_seen(session, present, done)
    _settle(session, present, done)
    _leave_aside(session, present, done)
    _note_page(session, present, done)
    _checkpoint(session, present, done)
    return hold(session, run, fence)


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
_COLUMNS = tuple(Kept.__dataclass_fields__)


def _keep_records(session: Session, run: SyncRunRow, done: Done) -> None:
    if not done.kept:
        return
    # Rows are locked in one order everywhere, so that two runs never wait for each other.
    kept = sorted(done.kept, key=lambda record: record.id)
    columns: dict[str, Any] = {
        name: [getattr(record, name) for record in kept] for name in _COLUMNS
    }
    session.execute(
        _UPSERT,
        columns
        | {
            "installation": run.installation_id,
            "stream": done.stream,
            "revision": run.revision,
            "run": run.id,
            "trace": run.trace_id,
        },
    )
    # A merge may have been told of between the delivery and this commit.
    session.execute(_FOLLOW, {"ids": columns["id"]})


_FOLLOW = text(
    """
    UPDATE source_record s SET customer_id = a.merged_into FROM customer_access a
    WHERE s.id = ANY(CAST(:ids AS uuid[])) AND a.customer_id = s.customer_id
      AND a.merged_into IS NOT NULL
    """
)


def _note_seen(session: Session, run: SyncRunRow, done: Done) -> None:
    if done.seen:
        table = source_record
        session.execute(
            update(table)
            .where(
                table.c.installation_id == run.installation_id,
                table.c.stream == done.stream,
                among(table.c.external_id, list(done.seen)),
            )
            .values(seen_run_id=run.id)
        )


def _settle(session: Session, run: SyncRunRow, done: Done) -> None:
    if done.settled:
        table = dead_letter
        session.execute(
            update(table)
            .where(
                table.c.installation_id == run.installation_id,
                table.c.stream == done.stream,
                among(table.c.record_key, list(done.settled)),
                table.c.state == "OPEN",
            )
            .values(state="RESOLVED", resolved_at=func.now())
        )


_LEAVE = text(
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


def _leave_aside(session: Session, run: SyncRunRow, done: Done) -> None:
    if done.left_aside:
        session.execute(
            _LEAVE,
            [
                asdict(each)
                | {
                    "installation": run.installation_id,
                    "stream": done.stream,
                    "run": run.id,
                    "stage": each.stage.value,
                    "trace": run.trace_id,
                }
                for each in sorted(done.left_aside, key=lambda each: each.record_key)
            ],
        )


def _note_page(session: Session, run: SyncRunRow, done: Done) -> None:
    page = {
        "run_id": run.id,
        "number": run.pages + 1,
        "stream": done.stream,
        "position": done.asked_at,
        "fetched": done.fetched,
        "delivered": done.delivered,
        "dead_lettered": len(done.left_aside),
        "fetch_ms": done.timings.get("fetch", 0),
        "map_ms": done.timings.get("map", 0),
        "deliver_ms": done.timings.get("deliver", 0),
    }
    try:
        with session.begin_nested():
            session.execute(insert(sync_page).values(page))
    except IntegrityError as problem:
        raise Fatal(
            "LOOP",
            "The source led us to a position where this run has been; reading would never end.",
            "来源将读取带回了本次同步已到过的位置，读取将无法结束。",
            fix_en="Check `pager` in the spec.",
            fix_zh="请检查规格中的 `pager`。",
        ) from problem


def _checkpoint(session: Session, run: SyncRunRow, done: Done) -> None:
    over = done.next is None
    marks = dict(run.watermarks)
    if done.watermark is not None and not (done.keep_first_watermark and done.stream in marks):
        marks[done.stream] = done.watermark
    if over and not done.whole:
        marks.pop(done.stream, None)
    total = run.counters + done.counters + Counters(pages=1)
    session.execute(
        update(sync_run)
        .where(sync_run.c.id == run.id)
        .values(
            **asdict(total),
            stream=done.next_stream if over else done.stream,
            position=_json_or_null(done.next),
            stream_fetched=0 if over else run.stream_fetched + done.fetched,
            stream_total=None if over else done.total,
            watermarks=marks,
            whole=run.whole and done.whole,
            progress_at=func.now(),
            tries=0,
            **_reason(run, done),
        )
    )


def _reason(run: SyncRunRow, done: Done) -> dict[str, Any]:
    """Progress wipes out why the run had waited, but not why it is partial."""
    if done.reason is None and not run.whole:
        return {}
    code, en, zh = done.reason or (None, None, None)
    return {"error_code": code, "error_en": en, "error_zh": zh, "fix_en": None, "fix_zh": None}


def _json_or_null(said: Any) -> Any:
    return null() if said is None else said
