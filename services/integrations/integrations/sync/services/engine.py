"""Advances a sync run, one slice at a time: claim, read pages, deliver, checkpoint, let go.

The run's row is the truth. Whatever dies where it will, the lease runs out, somebody else claims
the run under a higher fence and goes on from the last checkpoint; a page that was delivered but
not committed is delivered again with the same ids and comes back unchanged.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from chassis import telemetry
from chassis.errors import HuichiError
from integrations.connectors import installed
from integrations.contract import (
    Connector,
    Cursor,
    CursorMode,
    Failure,
    Fatal,
    Page,
    Retry,
    Stream,
)
from integrations.delivery.services import PoolDown
from integrations.installations import store as installation
from integrations.records.store import source_record
from integrations.sync.commands import sync_run as runs
from integrations.sync.commands.page import Done
from integrations.sync.commands.sync_run import Lost
from integrations.sync.domain import Completeness, GiveUp, SyncMode, after_failure, final_status
from integrations.sync.services.heartbeat import Heartbeat
from integrations.sync.services.page import work
from integrations.sync.services.replay import from_dead_letters
from integrations.sync.services.slice import Slice, commit, hand_over, sweeps
from integrations.sync.services.surroundings import Surroundings, access
from integrations.sync.services.sweep import sweep
from integrations.sync.store import SyncRunRow, read as read_run

log = logging.getLogger("huichi.integrations.sync")


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
        except Exception as problem:
            # A mistake of ours is told and tried again, not hidden in a loop of dying leases.
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


def _slice(around: Surroundings, run: SyncRunRow, heart: Heartbeat) -> Slice:
    found = around.db.read(installation.read, run.installation_id)
    assert found is not None, "a foreign key holds it"
    configuration = around.db.read(installation.configuration_at, found.id, run.revision)
    connector = _opened(found.connector, configuration)
    return Slice(
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


def _read_streams(one: Slice) -> bool:
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


def _read_stream(one: Slice, stream: Stream, following: str) -> bool:
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
    return sweep(one, stream, following) if sweeps(one, stream) else True


def _since(one: Slice, stream: Stream) -> Any:
    if one.run.mode != SyncMode.INCREMENTAL.value:
        return None
    return one.around.db.read(installation.watermarks, one.installation.id).get(stream.name)


def _pages(one: Slice, stream: Stream, cursor: Cursor) -> Iterator[Page]:
    if one.run.mode == SyncMode.REPLAY.value:
        return from_dead_letters(
            one.around.db, one.around.seal, one.installation.id, one.run.id, stream, cursor
        )
    return one.connector.pages(one.access, stream, cursor)


def _fetched(one: Slice, pages: Iterator[Page]) -> tuple[Page, int]:
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
    one: Slice, stream: Stream, page: Page, asked_at: Any, fetch_ms: int, following: str
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
        deliver=lambda parcels: hand_over(one, parcels),
    )
    over = page.next is None
    read = Completeness(run.stream_fetched + len(page.records), page.total)
    whole = not over or read.whole
    then_sweep = over and whole and sweeps(one, stream)
    done = Done(
        stream=stream.name,
        asked_at=asked_at,
        next={"absent": 0} if then_sweep else page.next,
        counters=replace(worked.counters, calls=one.access.calls, retries=one.access.retries),
        fetched=len(page.records),
        delivered=worked.delivered,
        total=page.total,
        kept=worked.kept,
        seen=worked.seen if sweeps(one, stream) else (),
        settled=worked.settled,
        left_aside=worked.left_aside,
        watermark=page.watermark if run.mode != SyncMode.REPLAY.value else None,
        keep_first_watermark=stream.cursor.mode is CursorMode.UPDATED_SINCE,
        next_stream=following,
        whole=whole,
        reason=None if whole else _short(read),
        timings=worked.timings | {"fetch": fetch_ms},
    )
    commit(one, done)


def _short(read: Completeness) -> tuple[str, str, str]:
    return (
        "INCOMPLETE",
        f"The source said it has {read.total} records and gave {read.fetched}; the next run reads "
        "from the same place again.",
        f"来源声明共有 {read.total} 条记录，实际返回 {read.fetched} 条；下次将从同一位置重新读取。",
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
