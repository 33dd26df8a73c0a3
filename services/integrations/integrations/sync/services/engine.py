"""Advance a sync run by one time slice: claim it, read pages, deliver, checkpoint, release it.

The row of the run holds all state. Wherever a worker dies, its lease runs out, another worker
claims the run under a higher fence and continues at the last checkpoint; a page that was delivered
but not committed is delivered again with the same ids and comes back unchanged.
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
from integrations.sync.commands import lease
from integrations.sync.commands.lease import LeaseLost
from integrations.sync.commands.page_commit import PageResult
from integrations.sync.domain import Completeness, GiveUp, SyncMode, after_failure, final_status
from integrations.sync.services.absent_records import delete_absent_records
from integrations.sync.services.dead_letter_pages import dead_letter_pages
from integrations.sync.services.heartbeat import Heartbeat
from integrations.sync.services.page_processing import process_page
from integrations.sync.services.runtime import SyncRuntime, installation_access
from integrations.sync.services.time_slice import TimeSlice
from integrations.sync.store import SyncRunRow, read as read_run

log = logging.getLogger("huichi.integrations.sync")


def advance(runtime: SyncRuntime, run_id: UUID) -> bool:
    """Work on a run for one slice, and return whether it needs another one at once."""
    lease_seconds = runtime.settings.lease_seconds
    run = runtime.db.write(lease.claim, run_id, runtime.worker, lease_seconds)
    if run is None:
        return False
    with telemetry.span("sync slice", parent=run.traceparent, run=str(run.id), fence=run.fence):
        try:
            with Heartbeat(runtime.db, run.id, run.fence, lease_seconds) as heartbeat:
                return _advance(runtime, run, heartbeat)
        except LeaseLost:
            log.warning("the lease of run %s was lost", run.id)
        except Failure as problem:
            _handle_failure(runtime, run, problem)
        except Exception as problem:
            # An error of this program is stored and retried, not hidden in a loop of dying leases.
            log.exception("run %s failed with an internal error", run.id)
            _handle_failure(runtime, run, _internal_error(problem))
    return False


def _advance(runtime: SyncRuntime, run: SyncRunRow, heartbeat: Heartbeat) -> bool:
    time_slice = _open_slice(runtime, run, heartbeat)
    finished = _read_streams(time_slice)
    if heartbeat.cancel:
        runtime.db.write(lease.cancel, run.id, run.fence)
        return False
    if not finished:
        runtime.db.write(lease.release, run.id, run.fence)
        return True
    last = time_slice.run
    status = final_status(whole=last.whole, dead_lettered=last.counters.dead_lettered)
    runtime.db.write(lease.finish, run.id, run.fence, status)
    log.info("run %s ended %s after %s records", run.id, status.value, last.fetched)
    return False


def _open_slice(runtime: SyncRuntime, run: SyncRunRow, heartbeat: Heartbeat) -> TimeSlice:
    row = runtime.db.read(installation.read, run.installation_id)
    assert row is not None, "a foreign key holds it"
    configuration = runtime.db.read(installation.configuration_at, row.id, run.revision)
    connector = _open_connector(row.connector, configuration)
    return TimeSlice(
        runtime=runtime,
        run=run,
        heartbeat=heartbeat,
        installation=row,
        connector=connector,
        access=installation_access(runtime, row.id, connector.spec),
        deadline=time.monotonic() + runtime.settings.slice_seconds,
    )


def _open_connector(kind: str, configuration: dict[str, Any]) -> Connector:
    """Open a stored configuration, which a newer version of the connector may refuse."""
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


def _read_streams(time_slice: TimeSlice) -> bool:
    """Read every stream from the checkpoint on, and return whether all were read."""
    streams = list(time_slice.connector.spec.streams)
    names = [stream.name for stream in streams]
    checkpoint = time_slice.run.stream
    if checkpoint == "":
        return True
    begin = names.index(checkpoint) if checkpoint in names else 0
    for index in range(begin, len(streams)):
        next_stream = names[index + 1] if index + 1 < len(names) else ""
        if not _read_stream(time_slice, streams[index], next_stream):
            return False
    return True


def _read_stream(time_slice: TimeSlice, stream: Stream, next_stream: str) -> bool:
    """Read one stream, and return whether it ended before the slice did."""
    run = time_slice.run
    position = run.position if run.stream == stream.name else None
    if not (isinstance(position, dict) and "absent" in position):
        pages = _pages(time_slice, stream, Cursor(_watermark(time_slice, stream), position))
        while True:
            if time_slice.is_over():
                return False
            with telemetry.span("sync page", stream=stream.name, page=time_slice.run.pages + 1):
                page, fetch_ms = _fetch(pages)
                _process(time_slice, stream, page, position, fetch_ms, next_stream)
            if page.next is None:
                break
            position = page.next
    if time_slice.detects_deletions(stream):
        return delete_absent_records(time_slice, stream, next_stream)
    return True


def _watermark(time_slice: TimeSlice, stream: Stream) -> Any:
    if time_slice.run.mode != SyncMode.INCREMENTAL.value:
        return None
    db = time_slice.runtime.db
    return db.read(installation.watermarks, time_slice.installation.id).get(stream.name)


def _pages(time_slice: TimeSlice, stream: Stream, cursor: Cursor) -> Iterator[Page]:
    if time_slice.run.mode == SyncMode.REPLAY.value:
        runtime = time_slice.runtime
        return dead_letter_pages(
            runtime.db, runtime.seal, time_slice.installation.id, time_slice.run.id, stream, cursor
        )
    return time_slice.connector.pages(time_slice.access, stream, cursor)


def _fetch(pages: Iterator[Page]) -> tuple[Page, int]:
    """Return the next page, and the milliseconds the source took."""
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


def _process(
    time_slice: TimeSlice,
    stream: Stream,
    page: Page,
    position: Any,
    fetch_ms: int,
    next_stream: str,
) -> None:
    """Process and commit one page."""
    runtime, run, access = time_slice.runtime, time_slice.run, time_slice.access
    processed = process_page(
        run,
        time_slice.connector,
        stream,
        page.records,
        seal=runtime.seal,
        read_states=lambda ids: runtime.db.read(
            source_record.states, time_slice.installation.id, stream.name, ids
        ),
        deliver=time_slice.deliver,
    )
    is_last = page.next is None
    completeness = Completeness(run.stream_fetched + len(page.records), page.total)
    whole = not is_last or completeness.whole
    detects_deletions = time_slice.detects_deletions(stream)
    result = PageResult(
        stream=stream.name,
        position=position,
        next_position={"absent": 0} if is_last and whole and detects_deletions else page.next,
        counters=replace(processed.counters, calls=access.calls, retries=access.retries),
        fetched=len(page.records),
        delivered=processed.delivered,
        total=page.total,
        records=processed.records,
        seen=processed.seen if detects_deletions else (),
        resolved=processed.resolved,
        failed=processed.failed,
        watermark=page.watermark if run.mode != SyncMode.REPLAY.value else None,
        keep_first_watermark=stream.cursor.mode is CursorMode.UPDATED_SINCE,
        next_stream=next_stream,
        whole=whole,
        reason=None if whole else _incomplete(completeness),
        timings=processed.timings | {"fetch": fetch_ms},
    )
    time_slice.commit(result)


def _incomplete(completeness: Completeness) -> tuple[str, str, str]:
    total, fetched = completeness.total, completeness.fetched
    return (
        "INCOMPLETE",
        f"The source announced {total} records and returned {fetched}; the next run reads from the "
        "same position again.",
        f"来源声明共有 {total} 条记录，实际返回 {fetched} 条；下次将从同一位置重新读取。",
    )


def _handle_failure(runtime: SyncRuntime, run: SyncRunRow, problem: Failure) -> None:
    """Suspend the run, or end it as failed."""
    present = runtime.db.read(read_run, run.id)
    assert present is not None
    decision = after_failure(
        problem,
        from_source=not isinstance(problem, PoolDown),
        tries=present.tries,
        since_progress=_since_progress(present),
    )
    log.info("run %s failed with %s", run.id, problem.code)
    try:
        if isinstance(decision, GiveUp):
            runtime.db.write(lease.fail, run.id, run.fence, problem)
        else:
            runtime.db.write(lease.suspend, run.id, run.fence, problem, decision.seconds)
    except LeaseLost:
        log.warning("the lease of run %s was lost", run.id)


def _internal_error(problem: Exception) -> Retry:
    return Retry(
        "INTERNAL",
        f"An internal error occurred ({type(problem).__name__}); the log holds the details.",
        f"系统内部出错（{type(problem).__name__}），详情见日志。",
    )


def _since_progress(run: SyncRunRow) -> timedelta:
    return datetime.now(UTC) - run.progress_at
