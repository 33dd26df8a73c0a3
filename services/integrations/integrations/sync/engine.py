"""Advances a sync run, one slice at a time: claim, read pages, deliver, checkpoint, let go.

The run's row is the truth. Whatever dies where it will, the lease runs out, somebody else claims
the run under a higher fence and goes on from the last checkpoint; a page that was delivered but
not committed is delivered again with the same ids and comes back unchanged.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from chassis import telemetry
from chassis.errors import HuichiError
from integrations.commands import sync_run as runs
from integrations.commands.page import Done, Kept, commit_page
from integrations.commands.sync_run import Lost
from integrations.connectors import installed
from integrations.contract import (
    Access,
    Connector,
    Cursor,
    CursorMode,
    Failure,
    Fatal,
    Page,
    RecordKind,
    Retry,
    SourceRecord,
    Stream,
)
from integrations.domain.run import (
    Completeness,
    Counters,
    GiveUp,
    Outcome,
    SyncMode,
    after_failure,
    final_status,
)
from integrations.domain.source_record import fingerprint, payload_hash
from integrations.store import installation, source_record
from integrations.store.installation import InstallationRow
from integrations.store.sync_run import SyncRunRow, read as read_run
from integrations.sync.delivery import Parcel, PoolDown, Receipt, Source, deliver
from integrations.sync.heartbeat import Heartbeat
from integrations.sync.page import parcel, work
from integrations.sync.place import record_place
from integrations.sync.replay import from_dead_letters
from integrations.sync.surroundings import Surroundings, access

log = logging.getLogger("huichi.integrations.sync")

ABSENT_PAGE = 500
# After so many failures in a row one record that fails alone is taken for the poison.
LAST_CHANCE = 3


@dataclass(slots=True)
class _Slice:
    """One claim of one run."""

    around: Surroundings
    run: SyncRunRow
    heart: Heartbeat
    installation: InstallationRow
    connector: Connector
    access: Access
    until: float

    def over(self) -> bool:
        if self.heart.lost:
            raise Lost
        return self.heart.cancel or time.monotonic() > self.until


def advance(around: Surroundings, run_id: UUID) -> bool:
    """Works on a run for one slice. True when it wants another one at once."""
    run = around.db.write(runs.claim, run_id, around.worker, around.settings.lease_seconds)
    if run is None:
        return False
    with telemetry.span("sync slice", parent=run.traceparent, run=str(run.id), fence=run.fence):
        try:
            with Heartbeat(around.db, run.id, run.fence, around.settings.lease_seconds) as heart:
                return _advance(around, run, heart)
        except Lost:
            log.warning("run %s belongs to another worker now", run.id)
        except Failure as problem:
            _failed(around, run, problem)
        except (
            Exception
        ) as problem:  # a mistake of ours is told and tried again, not hidden in a loop
            log.exception("run %s met a mistake", run.id)
            _failed(around, run, _mistake(problem))
    return False


def _advance(around: Surroundings, run: SyncRunRow, heart: Heartbeat) -> bool:
    one = _slice(around, run, heart)
    finished = _read_streams(one)
    if heart.cancel:
        around.db.write(runs.cancelled, run.id, run.fence)
        return False
    if not finished:
        around.db.write(runs.release, run.id, run.fence)
        return True
    status = final_status(whole=one.run.whole, dead_lettered=one.run.counters.dead_lettered)
    around.db.write(runs.finish, run.id, run.fence, status)
    log.info("run %s ended %s after %s records", run.id, status.value, one.run.fetched)
    return False


def _slice(around: Surroundings, run: SyncRunRow, heart: Heartbeat) -> _Slice:
    found = around.db.read(installation.read, run.installation_id)
    assert found is not None, "a foreign key holds it"
    configuration = around.db.read(installation.configuration_at, found.id, run.revision)
    connector = _opened(found.connector, configuration)
    return _Slice(
        around=around,
        run=run,
        heart=heart,
        installation=found,
        connector=connector,
        access=access(around, found.id, connector.spec),
        until=time.monotonic() + around.settings.slice_seconds,
    )


def _opened(kind: str, configuration: dict[str, Any]) -> Connector:
    """The connector as it was configured; a newer version of it may want something else."""
    try:
        return installed()[kind].open(configuration)
    except KeyError as problem:
        raise Fatal(
            "NO_CONNECTOR",
            f"The connector {kind!r} is not installed on this worker.",
            f"当前工作进程未安装连接器 {kind!r}。",
        ) from problem
    except HuichiError as problem:
        raise Fatal("BAD_CONFIGURATION", problem.en, problem.zh) from problem


def _read_streams(one: _Slice) -> bool:
    """Every stream from where the run stands; true when all are read."""
    streams = list(one.connector.spec.streams)
    names = [stream.name for stream in streams]
    begin = names.index(one.run.stream) if one.run.stream in names else 0
    if one.run.stream == "":
        return True
    for index in range(begin, len(streams)):
        following = names[index + 1] if index + 1 < len(names) else ""
        if not _read_stream(one, streams[index], following):
            return False
    return True


def _read_stream(one: _Slice, stream: Stream, following: str) -> bool:
    """One stream to its end, or to the end of the slice."""
    position = one.run.position if one.run.stream == stream.name else None
    if not (isinstance(position, dict) and "absent" in position):
        since = _since(one, stream)
        pages = _pages(one, stream, Cursor(since, position))
        asked_at = position
        while True:
            if one.over():
                return False
            with telemetry.span("sync page", stream=stream.name, page=one.run.pages + 1):
                page, fetch_ms = _fetched(one, pages)
                _one_page(one, stream, page, asked_at, fetch_ms, following)
            if page.next is None:
                break
            asked_at = page.next
    return _sweep(one, stream, following) if _sweeps(one, stream) else True


def _since(one: _Slice, stream: Stream) -> Any:
    if one.run.mode != SyncMode.INCREMENTAL.value:
        return None
    return one.around.db.read(installation.watermarks, one.installation.id).get(stream.name)


def _pages(one: _Slice, stream: Stream, cursor: Cursor) -> Iterator[Page]:
    if one.run.mode == SyncMode.REPLAY.value:
        return from_dead_letters(
            one.around.db, one.around.seal, one.installation.id, one.run.id, stream, cursor
        )
    return one.connector.pages(one.access, stream, cursor)


def _fetched(one: _Slice, pages: Iterator[Page]) -> tuple[Page, int]:
    started = time.monotonic()
    with telemetry.span("fetch"):
        page = next(pages, None)
    if page is None:
        raise Fatal(
            "NO_PAGE",
            "The connector stopped without a last page.",
            "连接器未返回最后一页就结束了。",
        )
    return page, int((time.monotonic() - started) * 1000)


def _one_page(
    one: _Slice, stream: Stream, page: Page, asked_at: Any, fetch_ms: int, following: str
) -> None:
    around, run = one.around, one.run
    worked = work(
        run,
        one.connector,
        stream,
        page.records,
        seal=around.seal,
        remember=lambda ids: around.db.read(
            source_record.known, one.installation.id, stream.name, ids
        ),
        deliver=lambda parcels: _deliver(one, parcels),
    )
    over = page.next is None
    read = Completeness(run.stream_fetched + len(page.records), page.total)
    whole = not over or read.whole
    sweeps = over and whole and _sweeps(one, stream)
    done = Done(
        stream=stream.name,
        asked_at=asked_at,
        next={"absent": 0} if sweeps else page.next,
        counters=replace(worked.counters, calls=one.access.calls, retries=one.access.retries),
        fetched=len(page.records),
        delivered=worked.delivered,
        total=page.total,
        kept=worked.kept,
        seen=worked.seen if _sweeps(one, stream) else (),
        settled=worked.settled,
        left_aside=worked.left_aside,
        watermark=page.watermark if run.mode != SyncMode.REPLAY.value else None,
        keep_first_watermark=stream.cursor.mode is CursorMode.UPDATED_SINCE,
        next_stream=following,
        whole=whole,
        reason=None if whole else _short(read),
        timings=worked.timings | {"fetch": fetch_ms},
    )
    _commit(one, done)


def _commit(one: _Slice, done: Done) -> None:
    with telemetry.span("commit", records=len(done.kept)):
        one.run = one.around.db.write(commit_page, one.run.id, one.run.fence, done)
    one.access.calls = one.access.retries = 0


def _deliver(one: _Slice, parcels: Sequence[Parcel]) -> dict[str, Receipt]:
    return deliver(
        one.around.delivery,
        _source(one.installation),
        parcels,
        last_chance=one.run.tries >= LAST_CHANCE,
    )


def _source(found: InstallationRow) -> Source:
    return Source(found.system, found.id, found.priority)


def _short(read: Completeness) -> tuple[str, str, str]:
    return (
        "INCOMPLETE",
        f"The source said it has {read.total} records and gave {read.fetched}; the next run reads "
        "from the same place again.",
        f"来源声明共有 {read.total} 条记录，实际返回 {read.fetched} 条；下次将从同一位置重新读取。",
    )


def _sweeps(one: _Slice, stream: Stream) -> bool:
    """Absence tells something only on a scan of everything."""
    return stream.cursor.absent_means_deleted and one.run.mode != SyncMode.REPLAY.value


def _sweep(one: _Slice, stream: Stream, following: str) -> bool:
    """After a complete scan: what was not listed again is gone."""
    if one.run.position is None:
        return True
    around, id, run = one.around, one.installation.id, one.run.id
    gone, known = around.db.read(source_record.counts_of_absent, id, stream.name, run)
    believable = Completeness(0, absent=gone, known=known).absence_is_believable
    if not believable and one.run.position == {"absent": 0}:
        _commit(one, _nothing_swept(one, stream, following, gone, known))
        return True
    while True:
        if one.over():
            return False
        found = around.db.read(source_record.absent, id, stream.name, run, ABSENT_PAGE)
        _sweep_page(one, stream, following, found)
        if len(found) < ABSENT_PAGE:
            return True


def _sweep_page(
    one: _Slice, stream: Stream, following: str, found: list[tuple[str, str, bytes]]
) -> None:
    seal, position = one.around.seal, one.run.position["absent"]
    parcels = [parcel(one.run, stream, _gone(external_id, kind)) for external_id, kind, _ in found]
    receipts = _deliver(one, parcels) if parcels else {}
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
    _commit(
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


def _nothing_swept(one: _Slice, stream: Stream, following: str, gone: int, known: int) -> Done:
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


def _failed(around: Surroundings, run: SyncRunRow, problem: Failure) -> None:
    """Lays the run aside or ends it."""
    present = around.db.read(read_run, run.id)
    assert present is not None
    verdict = after_failure(
        problem,
        from_source=not isinstance(problem, PoolDown),
        tries=present.tries,
        since_progress=_since_progress(present),
    )
    log.info("run %s met %s", run.id, problem.code)
    try:
        if isinstance(verdict, GiveUp):
            around.db.write(runs.fail, run.id, run.fence, problem)
        else:
            around.db.write(runs.lay_aside, run.id, run.fence, problem, verdict.seconds)
    except Lost:
        log.warning("run %s belongs to another worker now", run.id)


def _mistake(problem: Exception) -> Retry:
    return Retry(
        "INTERNAL",
        f"Something went wrong on our side ({type(problem).__name__}); the log has the rest.",
        f"系统内部出错（{type(problem).__name__}），详情见日志。",
    )


def _since_progress(run: SyncRunRow) -> timedelta:
    return datetime.now(UTC) - run.progress_at
