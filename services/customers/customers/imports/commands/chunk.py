"""Bringing a table into the pool: take the file, say what would happen, run it chunk by chunk."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.orm import Session

from chassis import telemetry
from chassis.actor import Actor
from chassis.audit import events as audit
from chassis.errors import BadInput, Conflict, Denied, HuichiError, NotFound
from chassis.idempotency import run_idempotent
from chassis.policy.row_scopes import RowAccess
from chassis.policy.rules import Snapshot
from chassis.policy.scope import Scope
from chassis.spreadsheet import reading as spreadsheet
from chassis.spreadsheet.cells import LostDigits
from customers.core.domain.ids import new_id
from customers.imports import store
from customers.imports.domain import sheet_mapping
from customers.imports.domain.import_job import (
    AWAITING_FILE,
    CANCELLED,
    CHUNK,
    DONE,
    FAILED,
    QUEUED,
    READY,
    RUNNING,
)
from customers.imports.domain.sheet_mapping import Columns, Wrong
from customers.imports.store import ImportRow
from customers.pool.commands.absorb import absorb_prepared
from customers.pool.commands.absorb_write import Ownership
from customers.pool.commands.audit_trail import record_audit
from customers.pool.commands.locked_customer import (
    active_department,
)
from customers.pool.commands.match import kinds_in_clear, refuse_curiosity
from customers.pool.domain.fields import KINDS, text as text_rule
from customers.pool.domain.match import FIELD_OF, KeyKind
from customers.pool.domain.outcome import Outcome, Rejected
from customers.pool.domain.record import MANUAL, VALUE_ID_PREFIXES, Prepared, Source

SYSTEM = "spreadsheet"
FileRow = tuple[int, dict[str, str], list[str]]


@dataclass(frozen=True, slots=True)
class Wish:
    """How a file is to be understood."""

    file_name: str
    system: str = SYSTEM
    kind: str | None = None
    mapping: Mapping[str, str] | None = None
    key_columns: Sequence[str] = ()
    owner_id: UUID | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A file that was read: its header, how it is understood, and its rows in chunks."""

    headers: tuple[str, ...]
    columns: Columns
    chunks: tuple[bytes, ...]
    rows: int


def create(session: Session, scope: Scope, wish: Wish, snapshot: Snapshot | None) -> UUID:
    """An import that waits for its file."""
    request = [wish.file_name, wish.system, wish.kind, dict(wish.mapping or {}), wish.owner_id]

    def run() -> dict[str, Any]:
        return {"id": str(_create(session, scope, wish, snapshot))}

    key = wish.idempotency_key
    answer = run_idempotent(session, scope.actor.user_id, key, "createImport", run, request=request)
    return UUID(answer["id"])


def _create(session: Session, scope: Scope, wish: Wish, snapshot: Snapshot | None) -> UUID:
    name = text_rule("fileName", 200)(wish.file_name)
    system = text_rule("system", 100)(wish.system)
    if not name or not system or system == MANUAL:
        raise BadInput(
            f"fileName and system must not be empty, and system not {MANUAL!r}.",
            f"fileName 与 system 不能为空，且 system 不能为 {MANUAL!r}。",
            field="system" if name else "fileName",
        )
    if wish.kind is not None and wish.kind not in KINDS:
        raise BadInput("kind is unknown.", "kind 无效。", field="kind")
    for target in (wish.mapping or {}).values():
        sheet_mapping.target_called(target)
    department = active_department(snapshot, wish.owner_id, "ownerId") if wish.owner_id else None
    if not scope.sees(RowAccess(wish.owner_id, department)):
        raise Denied(
            "The policy does not let you import customers for this owner.",
            "当前权限策略不允许您为该负责人导入客户。",
            field="ownerId",
        )
    id = new_id()
    store.insert(
        session,
        {
            "id": id,
            "file_name": name,
            "system": system,
            "kind": wish.kind,
            "given_mapping": dict(wish.mapping or {}),
            "key_columns": list(wish.key_columns),
            "status": AWAITING_FILE,
            "actor_id": scope.actor.user_id,
            "locale": scope.actor.locale,
            "owner_id": wish.owner_id,
            **dict.fromkeys(("rows_done", "next_chunk", "fence", "failures"), 0),
            **dict.fromkeys(store.COUNTS, 0),
            "version": 1,
            "created_at": "now",
        },
        secrets.token_bytes(32),
    )
    record_audit(session, scope, f"import:{id}", {"file": [None, name]})
    return id


def read_table(content: bytes, row: ImportRow) -> Table:
    """Reads and understands a file; needs no database. Raises `BadInput` and `LimitExceeded`."""
    found = spreadsheet.read(content, row.file_name, is_header=sheet_mapping.is_header)
    columns = sheet_mapping.detect(
        found.headers, row.given_mapping, row.kind, row.key_columns or ()
    )
    chunks: list[bytes] = []
    some: list[FileRow] = []
    rows = 0
    for number, cells in found:
        lost = [header for header, text in cells.items() if isinstance(text, LostDigits)]
        some.append((number, {header: str(text) for header, text in cells.items()}, lost))
        rows += 1
        if len(some) == CHUNK:
            chunks.append(orjson.dumps(some))
            some = []
    if some:
        chunks.append(orjson.dumps(some))
    if not rows:
        raise BadInput(
            "The file has a header but no rows below it.",
            "文件只有表头，没有数据行。",
            field="file",
        )
    return Table(found.headers, columns, tuple(chunks), rows)


def receive(session: Session, id: UUID, table: Table) -> None:
    """Keeps the rows of the file; the import is ready to be looked at and run."""
    row = store.by_id(session, id, locked=True)
    if row is None or row.status not in (AWAITING_FILE, READY):
        raise Conflict(
            "This import has its file and was started; create another one.",
            "该导入已开始，请新建导入。",
            field="file",
        )
    store.put_rows(
        session,
        id,
        table.chunks,
        {
            "headers": list(table.headers),
            "mapping": {
                "targets": {header: list(t) for header, t in table.columns.targets.items()},
                "kind": table.columns.kind,
                "key_columns": list(table.columns.key_columns),
            },
            "rows_total": table.rows,
            "status": READY,
        },
    )


def seen(session: Session, scope: Scope, id: UUID, *, locked: bool = False) -> ImportRow:
    """Raises `NotFound` for an import that is not there or not this person's to see."""
    row = store.by_id(session, id, locked=locked)
    if row is None or not store.may_see(scope, row):
        raise NotFound(
            f"There is no import {id}, or it is not yours.",
            f"没有导入 {id}，或它不属于您。",
            field="id",
        )
    return row


def start(session: Session, scope: Scope, id: UUID) -> UUID:
    """Queues an import that has its file. One that runs already is left alone; one that failed or
    was cancelled runs again from the first row, which changes nothing twice."""
    row = seen(session, scope, id, locked=True)
    if row.status in (QUEUED, RUNNING, DONE):
        return id
    if row.status == AWAITING_FILE:
        raise Conflict(
            "This import has no file yet; send it to uploadUrl first.",
            "尚未上传文件，请先上传到 uploadUrl。",
            field="id",
            version=row.version,
        )
    store.queue(session, id, telemetry.traceparent(), telemetry.trace_id())
    record_audit(session, scope, f"import:{id}", {"status": [row.status, QUEUED]})
    return id


def cancel(session: Session, scope: Scope, id: UUID) -> UUID:
    """Stops after the chunk that runs; what is in stays in."""
    row = seen(session, scope, id, locked=True)
    if row.status in (DONE, FAILED, CANCELLED):
        return id
    store.finish(session, id, CANCELLED, None)
    record_audit(session, scope, f"import:{id}", {"status": [row.status, CANCELLED]})
    return id


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became, or would become, of one row of the file."""

    row_number: int
    outcome: str
    customer_id: UUID | None
    wrong: tuple[Wrong, ...]


def preview(
    session: Session, scope: Scope, id: UUID, snapshot: Snapshot | None, a_day: int
) -> list[RowResult]:
    """What would become of the first chunk; nothing of it is written. Rows that turn out to be
    somebody else's count as questions about duplicates, of which a day has only so many. Rows are
    compared by what the reader sees in clear: a preview costs nothing, so it must not tell whose a
    hidden number is."""
    row = seen(session, scope, id)
    if row.mapping is None:
        return []
    results = _absorbed(session, scope, row, 0, snapshot, dry_run=True)
    elsewhere = sum(
        any(wrong.problem.code == Denied.code for wrong in result.wrong) for result in results
    )
    if elsewhere:
        refuse_curiosity(session, scope, elsewhere, a_day)
    return results


@dataclass(frozen=True, slots=True)
class Step:
    """How a chunk ended: whether there is more, and the number of the next one."""

    more: bool
    next_chunk: int


def run_chunk(
    session: Session,
    scope: Scope,
    id: UUID,
    fence: int,
    chunk: int,
    snapshot: Snapshot | None,
    lease_seconds: int,
) -> Step:
    """Takes one chunk in, and writes its checkpoint in the same transaction. A holder whose fencing
    token is stale, or who comes for a chunk that is done, does nothing."""
    row = store.by_id(session, id, locked=True)
    if row is None or row.fence != fence or row.status != RUNNING or row.next_chunk != chunk:
        return Step(False, chunk)
    results = _absorbed(session, scope, row, chunk, snapshot, dry_run=False)
    store.put_problems(session, _problem_rows(id, results))
    done = store.advance(session, id, _counted(results), len(results), lease_seconds)
    return Step(not done, chunk + 1)


def fail(session: Session, id: UUID, fence: int, problem: HuichiError) -> None:
    """Ends an import that cannot go on, and says why."""
    row = store.by_id(session, id, locked=True)
    if row is not None and row.fence == fence and row.status == RUNNING:
        store.finish(
            session, id, FAILED, {"code": problem.code, "en": problem.en, "zh": problem.zh}
        )


def _absorbed(
    session: Session,
    scope: Scope,
    row: ImportRow,
    chunk: int,
    snapshot: Snapshot | None,
    *,
    dry_run: bool,
) -> list[RowResult]:
    columns = _columns(row)
    wrong: dict[int, list[Wrong]] = {}
    ready: list[tuple[int, Prepared]] = []
    for number, cells, lost in store.chunk(session, row.id, chunk):
        found = sheet_mapping.record_of(cells, lost, columns, row.created_at)
        if isinstance(found, list):
            wrong[number] = found
        else:
            ready.append((number, found))
    if dry_run:
        kinds = kinds_in_clear(scope)
        ready = [(number, _compared_by(kinds, record)) for number, record in ready]
    department = active_department(snapshot, row.owner_id, "ownerId") if row.owner_id else None
    outcomes = absorb_prepared(
        session,
        scope,
        Source(row.system),
        [record for _, record in ready],
        dry_run=dry_run,
        ownership=Ownership(row.owner_id, department),
    )
    results = [RowResult(number, "REJECTED", None, tuple(bad)) for number, bad in wrong.items()]
    results += _results(ready, outcomes, columns)
    return sorted(results, key=lambda result: result.row_number)


def _compared_by(kinds: frozenset[KeyKind], record: Prepared) -> Prepared:
    made, _, of = record.external_id.partition(":")
    known = kinds.issuperset(FIELD_OF) or made not in VALUE_ID_PREFIXES
    keys = frozenset(key for key in record.keys if key.kind in kinds)
    return replace(record, keys=keys, external_id=record.external_id if known else f"?{of}")


def _results(
    ready: Sequence[tuple[int, Prepared]], outcomes: Sequence[Outcome], columns: Columns
) -> Iterable[RowResult]:
    """Several rows of one customer are one record: the first tells what became of it, the others
    matched it."""
    told: set[str] = set()
    for (number, record), outcome in zip(ready, outcomes, strict=True):
        if isinstance(outcome, Rejected):
            wrong = [Wrong(columns.header_of(p.field or ""), p) for p in outcome.errors]
            yield RowResult(number, "REJECTED", None, tuple(wrong))
            continue
        first = record.external_id not in told
        told.add(record.external_id)
        kind = outcome.kind if first or outcome.kind == "UNCHANGED" else "MATCHED"
        yield RowResult(number, kind, outcome.customer_id, ())


def _columns(row: ImportRow) -> Columns:
    """How the file is understood, in the order of its columns, which JSONB does not keep."""
    mapping = row.mapping or {}
    known = mapping.get("targets", {})
    targets = {header: tuple(known.get(header, ())) for header in row.headers or ()}
    return Columns(targets, mapping["kind"], tuple(mapping.get("key_columns", ())))


def _problem_rows(id: UUID, results: Sequence[RowResult]) -> list[dict[str, Any]]:
    return [
        {
            "id": new_id(),
            "import_id": id,
            "row_number": result.row_number,
            "column_name": wrong.column,
            "field": wrong.problem.field,
            "code": wrong.problem.code,
            "en": wrong.problem.en,
            "zh": wrong.problem.zh,
        }
        for result in results
        for wrong in result.wrong
    ]


def _counted(results: Sequence[RowResult]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for result in results:
        counts[result.outcome.lower()] = counts.get(result.outcome.lower(), 0) + 1
    return counts


@dataclass(frozen=True, slots=True)
class WrongRow:
    """A row of the file that did not enter, and why."""

    cells: Mapping[str, str]
    why: str


def wrong_rows(session: Session, id: UUID, locale: str) -> list[WrongRow]:
    """The rows to be mended, in their order."""
    problems = store.problems_by_row(session, id)
    found: list[WrongRow] = []
    chunk = 0
    while len(found) < len(problems) and (rows := store.chunk(session, id, chunk)):
        chunk += 1
        for number, cells, _ in rows:
            if number in problems:
                why = "; ".join(
                    f"{p.column_name or p.field or ''}: {p.zh if locale == 'zh' else p.en}"
                    for p in problems[number]
                )
                found.append(WrongRow(cells, why))
    return found


def downloaded(session: Session, row: ImportRow, rows: int) -> None:
    """Taking wrong rows away is an export of personal data, and audited as one."""
    audit.record(
        session,
        audit.Entry(
            Actor(row.actor_id, None, row.locale),
            "export",
            "Customer",
            f"import:{row.id}",
            changes={"rows": [None, rows]},
        ),
    )
