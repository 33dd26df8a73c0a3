"""Preview the first rows of an import, and absorb its rows chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.errors import Denied, HuichiError
from chassis.policy.rules import Snapshot
from chassis.policy.scope import Scope
from customers.core.domain.ids import new_id
from customers.imports import store
from customers.imports.commands.control import load_visible
from customers.imports.domain import sheet_mapping
from customers.imports.domain.import_job import FAILED, RUNNING
from customers.imports.domain.sheet_mapping import CellProblem, Columns
from customers.imports.store import ImportRow
from customers.pool.commands.absorb import absorb_prepared
from customers.pool.commands.absorb_write import Ownership
from customers.pool.commands.locked_customer import active_department
from customers.pool.commands.match import kinds_in_clear, refuse_too_many_checks
from customers.pool.domain.match import FIELD_OF, KeyKind
from customers.pool.domain.outcome import Outcome, Rejected
from customers.pool.domain.record import VALUE_ID_PREFIXES, Prepared, Source


@dataclass(frozen=True, slots=True)
class RowResult:
    """The outcome of one row of the file, real or on a preview."""

    row_number: int
    outcome: str
    customer_id: UUID | None
    problems: tuple[CellProblem, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """How a chunk ended: whether there is more, and the number of the next chunk."""

    more: bool
    next_chunk: int


def preview(
    session: Session, scope: Scope, id: UUID, snapshot: Snapshot | None, a_day: int
) -> list[RowResult]:
    """Return the outcomes that the first chunk would have; nothing of it is written.

    Rows of customers of other owners count as duplicate checks, which are limited to `a_day`. Rows
    are compared by keys that the caller sees in clear: a preview is free, so it must not disclose
    whose a hidden number is. Raises `NotFound` and `Throttled`.
    """
    row = load_visible(session, scope, id)
    if row.mapping is None:
        return []
    results = _absorb_chunk(session, scope, row, 0, snapshot, dry_run=True)
    of_others = sum(
        any(cell.problem.code == Denied.code for cell in result.problems) for result in results
    )
    if of_others:
        refuse_too_many_checks(session, scope, of_others, a_day)
    return results


def run_chunk(
    session: Session,
    scope: Scope,
    id: UUID,
    fence: int,
    chunk: int,
    snapshot: Snapshot | None,
    lease_seconds: int,
) -> Step:
    """Absorb one chunk and write its checkpoint in the same transaction.

    A holder of a stale fencing token, or one that comes for a chunk that is done, does nothing.
    """
    row = store.by_id(session, id, locked=True)
    if row is None or row.fence != fence or row.status != RUNNING or row.next_chunk != chunk:
        return Step(False, chunk)
    results = _absorb_chunk(session, scope, row, chunk, snapshot, dry_run=False)
    store.put_problems(session, _problem_rows(id, results))
    done = store.advance(session, id, _count_outcomes(results), len(results), lease_seconds)
    return Step(not done, chunk + 1)


def fail(session: Session, id: UUID, fence: int, problem: HuichiError) -> None:
    """End an import that cannot continue, with the problem as its reason."""
    row = store.by_id(session, id, locked=True)
    if row is not None and row.fence == fence and row.status == RUNNING:
        texts = {"code": problem.code, "en": problem.en, "zh": problem.zh}
        store.finish(session, id, FAILED, texts)


def _absorb_chunk(
    session: Session,
    scope: Scope,
    row: ImportRow,
    chunk: int,
    snapshot: Snapshot | None,
    *,
    dry_run: bool,
) -> list[RowResult]:
    columns = _columns(row)
    results: list[RowResult] = []
    ready: list[tuple[int, Prepared]] = []
    for number, cells, lost in store.chunk(session, row.id, chunk):
        record = sheet_mapping.record_of(cells, lost, columns, row.created_at)
        if isinstance(record, list):
            results.append(RowResult(number, "REJECTED", None, tuple(record)))
        else:
            ready.append((number, record))
    if dry_run:
        kinds = kinds_in_clear(scope)
        ready = [(number, _with_keys(kinds, record)) for number, record in ready]
    department = active_department(snapshot, row.owner_id, "ownerId") if row.owner_id else None
    outcomes = absorb_prepared(
        session,
        scope,
        Source(row.system),
        [record for _, record in ready],
        dry_run=dry_run,
        ownership=Ownership(row.owner_id, department),
    )
    results += _row_results(ready, outcomes, columns)
    return sorted(results, key=lambda result: result.row_number)


def _with_keys(kinds: frozenset[KeyKind], record: Prepared) -> Prepared:
    """Reduce a record to recognition keys of these kinds.

    An external id that is made of values is replaced by one that no link has.
    """
    prefix, _, value = record.external_id.partition(":")
    recognisable = kinds.issuperset(FIELD_OF) or prefix not in VALUE_ID_PREFIXES
    keys = frozenset(key for key in record.keys if key.kind in kinds)
    external_id = record.external_id if recognisable else f"?{value}"
    return replace(record, keys=keys, external_id=external_id)


def _row_results(
    ready: Sequence[tuple[int, Prepared]], outcomes: Sequence[Outcome], columns: Columns
) -> Iterable[RowResult]:
    """Yield the result of each row.

    Several rows of one customer are one record: the first has its outcome, the others matched it.
    """
    external_ids: set[str] = set()
    for (number, record), outcome in zip(ready, outcomes, strict=True):
        if isinstance(outcome, Rejected):
            problems = tuple(
                CellProblem(columns.header_of(problem.field or ""), problem)
                for problem in outcome.errors
            )
            yield RowResult(number, "REJECTED", None, problems)
            continue
        is_first = record.external_id not in external_ids
        external_ids.add(record.external_id)
        kind = outcome.kind if is_first or outcome.kind == "UNCHANGED" else "MATCHED"
        yield RowResult(number, kind, outcome.customer_id, ())


def _columns(row: ImportRow) -> Columns:
    """Return the mapping of a file in the order of its columns, which JSONB does not preserve."""
    mapping = row.mapping or {}
    stored = mapping.get("targets", {})
    targets = {header: tuple(stored.get(header, ())) for header in row.headers or ()}
    return Columns(targets, mapping["kind"], tuple(mapping.get("key_columns", ())))


def _problem_rows(id: UUID, results: Sequence[RowResult]) -> list[dict[str, Any]]:
    return [
        {
            "id": new_id(),
            "import_id": id,
            "row_number": result.row_number,
            "column_name": cell.column,
            "field": cell.problem.field,
            "code": cell.problem.code,
            "en": cell.problem.en,
            "zh": cell.problem.zh,
        }
        for result in results
        for cell in result.problems
    ]


def _count_outcomes(results: Sequence[RowResult]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for result in results:
        counts[result.outcome.lower()] = counts.get(result.outcome.lower(), 0) + 1
    return counts
