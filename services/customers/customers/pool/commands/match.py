"""What a steward and a careful rep do about duplicates: say "not the same", and ask before creating."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.audit import events as audit
from chassis.errors import Conflict, NotFound, Throttled
from chassis.policy.row_scopes import RowAccess
from chassis.policy.scope import Scope
from customers.pool.commands.audit_trail import record_audit
from customers.pool.commands.customer import checked
from customers.pool.commands.locked_customer import (
    refuse_stale,
)
from customers.pool.domain.fields import FIELDS, text
from customers.pool.domain.match import (
    FIELD_OF,
    Evidence,
    Key,
    KeyKind,
    Known,
    Match,
    Pool,
    Suspicion,
    decide,
    score,
)
from customers.pool.domain.record import keys_of
from customers.pool.store import customer as customer_store, match as match_store
from customers.pool.store.customer import CustomerRow


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A customer that may be the one asked about. Out of scope only its owner is known."""

    row: CustomerRow | None
    owner_id: UUID | None
    certain: bool
    score: float | None
    evidence: tuple[Evidence, ...]


def dismiss(
    session: Session, scope: Scope, id: UUID, reason: str | None, expected_version: int | None
) -> UUID:
    """These two are not one; nobody is asked again."""
    found = match_store.candidate_by_id(session, id, locked=True)
    rows = customer_store.by_ids_unscoped(session, [found.left_id, found.right_id]) if found else {}
    if found is None or not all(scope.sees(row.access) for row in rows.values()):
        raise NotFound(
            f"There is no match candidate {id}, or it is not yours to see.",
            f"没有疑似重复 {id}，或您无权查看。",
            field="id",
        )
    refuse_stale(found.version, expected_version)
    if found.status == match_store.MERGED:
        raise Conflict(
            "These two were merged; undo the merge instead.",
            "二者已合并，请改用 unmerge。",
            field="id",
            version=found.version,
        )
    why = text("reason", 500)(reason or "")
    pair = (found.left_id, found.right_id)
    match_store.settle(session, [pair], match_store.DISMISSED, scope.actor.user_id, why)
    record_audit(session, scope, str(id), {"status": [found.status, match_store.DISMISSED]})
    return id


def check_duplicate(
    session: Session, scope: Scope, kind: str, fields: Mapping[str, Any], a_day: int
) -> list[Duplicate]:
    """Who the pool knows like this. Every question is audited and a day has only so many, so that
    nobody finds out who is in the pool by asking for everybody."""
    said = {name: value for name, value in checked(fields).items() if value is not None}
    keys = keys_of(kind, said)
    refuse_curiosity(session, scope, 1, a_day)
    audit.record(
        session,
        audit.Entry(
            scope.actor,
            "duplicateCheck",
            scope.object,
            "",
            changes={"asked": sorted(said)},
            policy_version=scope.version,
        ),
    )
    known = match_store.known_by(session, keys)
    rows = customer_store.by_ids_unscoped(session, [one.id for one in known])
    told = [_as_seen(scope, rows[one.id], one) for one in known]
    found, certain = _found(kind, keys, told)
    seen = [_seen(scope, rows[one.customer_id], one, one == certain) for one in found]
    # What only a hidden number or address tells is told like a customer out of sight.
    ids = {one.customer_id for one in found}
    rest, certain = _found(kind, keys, known)
    return seen + [
        Duplicate(None, rows[one.customer_id].owner_id, one == certain, None, ())
        for one in rest
        if one.customer_id not in ids
    ]


def _found(
    kind: str, keys: frozenset[Key], known: Sequence[Known]
) -> tuple[list[Suspicion], Suspicion | None]:
    """Everybody it may be, and who it certainly is."""
    verdict = decide(kind, keys, Pool.of(known))
    if not isinstance(verdict, Match):
        return list(verdict.suspicions), None
    certain = Suspicion(verdict.customer_id, score(verdict.evidence), verdict.evidence)
    return [certain, *verdict.suspicions], certain


def _as_seen(scope: Scope, row: CustomerRow, known: Known) -> Known:
    """A customer in sight by those of its keys that the reader sees in clear there."""
    if not scope.sees(row.access):
        return known
    keys = frozenset(key for key in known.keys if _is_clear(scope, key.kind, row.access))
    return replace(known, keys=keys)


def _is_clear(scope: Scope, kind: KeyKind, access: RowAccess) -> bool:
    coordinate = FIELDS[FIELD_OF[kind]].protected_by
    return coordinate is None or scope.clear_in(coordinate).sees(access)


def kinds_in_clear(scope: Scope) -> frozenset[KeyKind]:
    """What somebody may compare records by on every row that they reach."""
    kinds: list[KeyKind] = []
    for kind in FIELD_OF:
        coordinate = FIELDS[FIELD_OF[kind]].protected_by
        if coordinate is None or scope.within(scope.clear_in(coordinate)):
            kinds.append(kind)
    return frozenset(kinds)


def refuse_curiosity(session: Session, scope: Scope, asked: int, a_day: int) -> None:
    """Raises `Throttled` when somebody has asked about too many customers of others today."""
    if match_store.count_duplicate_checks(session, scope.actor.user_id, asked) > a_day:
        raise Throttled(
            f"You have asked about {a_day} customers today; ask again tomorrow.",
            f"您今天已查重 {a_day} 次，请明天再试。",
            retry_after=86_400,
        )


def _seen(scope: Scope, row: CustomerRow, found: Suspicion, certain: bool) -> Duplicate:
    if not scope.sees(row.access):
        return Duplicate(None, row.owner_id, certain, None, ())
    return Duplicate(row, row.owner_id, certain, found.score, found.evidence)
