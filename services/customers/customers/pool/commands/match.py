"""Duplicates: dismiss a match candidate, and check for an existing customer before creating one."""

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
from customers.pool.commands.customer import normalised_values
from customers.pool.commands.locked_customer import (
    refuse_stale,
)
from customers.pool.domain.fields import FIELDS, text
from customers.pool.domain.match import (
    FIELD_OF,
    Evidence,
    Key,
    KeyedCustomer,
    KeyKind,
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
    """A customer that may be the one searched for. Out of scope only its owner is disclosed."""

    row: CustomerRow | None
    owner_id: UUID | None
    certain: bool
    score: float | None
    evidence: tuple[Evidence, ...]


def dismiss(
    session: Session, scope: Scope, id: UUID, reason: str | None, expected_version: int | None
) -> UUID:
    """Record that the two customers of a candidate are different; they are not suggested again."""
    candidate = match_store.candidate_by_id(session, id, locked=True)
    sides = [candidate.left_id, candidate.right_id] if candidate else []
    rows = customer_store.by_ids_unscoped(session, sides) if candidate else {}
    if candidate is None or not all(scope.sees(row.access) for row in rows.values()):
        raise NotFound(
            f"Match candidate {id} does not exist, or you may not access it.",
            f"疑似重复 {id} 不存在，或您无权访问。",
            field="id",
        )
    refuse_stale(candidate.version, expected_version)
    if candidate.status == match_store.MERGED:
        raise Conflict(
            "These customers were merged; use unmerge instead.",
            "二者已合并，请改用 unmerge。",
            field="id",
            version=candidate.version,
        )
    note = text("reason", 500)(reason or "")
    pair = (candidate.left_id, candidate.right_id)
    match_store.record_decision(session, [pair], match_store.DISMISSED, scope.actor.user_id, note)
    record_audit(session, scope, str(id), {"status": [candidate.status, match_store.DISMISSED]})
    return id


def check_duplicate(
    session: Session, scope: Scope, kind: str, fields: Mapping[str, Any], a_day: int
) -> list[Duplicate]:
    """Return the customers that may be the one with these values.

    Every check is audited and limited to `a_day` per user and day, so that no user can list the
    pool by checking one value after the other. Raises `Throttled`.
    """
    values = {name: value for name, value in normalised_values(fields).items() if value is not None}
    keys = keys_of(kind, values)
    refuse_too_many_checks(session, scope, 1, a_day)
    audit.record(
        session,
        audit.Entry(
            scope.actor,
            "duplicateCheck",
            scope.object,
            "",
            changes={"asked": sorted(values)},
            policy_version=scope.version,
        ),
    )
    candidates = match_store.sharing_keys(session, keys)
    rows = customer_store.by_ids_unscoped(session, [candidate.id for candidate in candidates])
    visible = [_visible_part(scope, rows[candidate.id], candidate) for candidate in candidates]
    matches, certain = _matches(kind, keys, visible)
    duplicates = [
        _duplicate(scope, rows[match.customer_id], match, match == certain) for match in matches
    ]
    # A match by a hidden number or address is disclosed like a customer out of scope.
    ids = {match.customer_id for match in matches}
    all_matches, certain = _matches(kind, keys, candidates)
    return duplicates + [
        Duplicate(None, rows[match.customer_id].owner_id, match == certain, None, ())
        for match in all_matches
        if match.customer_id not in ids
    ]


def _matches(
    kind: str, keys: frozenset[Key], candidates: Sequence[KeyedCustomer]
) -> tuple[list[Suspicion], Suspicion | None]:
    """Return every customer that these keys may belong to, and the one they certainly belong to."""
    verdict = decide(kind, keys, Pool.of(candidates))
    if not isinstance(verdict, Match):
        return list(verdict.suspicions), None
    certain = Suspicion(verdict.customer_id, score(verdict.evidence), verdict.evidence)
    return [certain, *verdict.suspicions], certain


def _visible_part(scope: Scope, row: CustomerRow, candidate: KeyedCustomer) -> KeyedCustomer:
    """Reduce a customer in scope to the keys that the reader sees in clear there."""
    if not scope.sees(row.access):
        return candidate
    keys = frozenset(key for key in candidate.keys if _is_clear(scope, key.kind, row.access))
    return replace(candidate, keys=keys)


def _is_clear(scope: Scope, kind: KeyKind, access: RowAccess) -> bool:
    coordinate = FIELDS[FIELD_OF[kind]].protected_by
    return coordinate is None or scope.clear_in(coordinate).sees(access)


def kinds_in_clear(scope: Scope) -> frozenset[KeyKind]:
    """Return the kinds of keys that the caller sees in clear on every row in scope."""
    kinds: list[KeyKind] = []
    for kind in FIELD_OF:
        coordinate = FIELDS[FIELD_OF[kind]].protected_by
        if coordinate is None or scope.within(scope.clear_in(coordinate)):
            kinds.append(kind)
    return frozenset(kinds)


def refuse_too_many_checks(session: Session, scope: Scope, checks: int, a_day: int) -> None:
    """Count duplicate checks of the caller; raise `Throttled` above the daily limit."""
    if match_store.count_duplicate_checks(session, scope.actor.user_id, checks) > a_day:
        raise Throttled(
            f"You have used all {a_day} duplicate checks of today; try again tomorrow.",
            f"您今天的 {a_day} 次查重额度已用完，请明天再试。",
            retry_after=86_400,
        )


def _duplicate(scope: Scope, row: CustomerRow, match: Suspicion, certain: bool) -> Duplicate:
    if not scope.sees(row.access):
        return Duplicate(None, row.owner_id, certain, None, ())
    return Duplicate(row, row.owner_id, certain, match.score, match.evidence)
