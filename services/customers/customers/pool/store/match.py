"""Recognition keys and match candidates, as rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import (
    Column,
    ColumnElement,
    DateTime,
    Float,
    FromClause,
    Integer,
    Row,
    Table,
    Text,
    Uuid,
    and_,
    column,
    exists,
    func,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from chassis.api.paging import Page, Window, page
from chassis.errors import Denied
from chassis.policy.scope import Scope
from customers.core.domain.ids import new_id
from customers.core.store import bulk
from customers.core.store.metadata import metadata
from customers.pool.domain.fields import FIELDS
from customers.pool.domain.match import Evidence, Key, KeyedCustomer, Suspicion
from customers.pool.store.customer import access_columns, customer

OPEN = "OPEN"
DISMISSED = "DISMISSED"
MERGED = "MERGED"

candidate = Table(
    "match_candidate",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("left_id", Uuid, nullable=False),
    Column("right_id", Uuid, nullable=False),
    Column("score", Float, nullable=False),
    Column("evidence", JSONB, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("version", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("decided_by", Uuid),
    Column("decided_at", DateTime(timezone=True)),
)

# A key that very many customers share is no evidence; the cap keeps such a key from slowing the
# batch.
_SHARED_BY = 50
_SHARING_KEYS = text(
    "WITH asked AS (SELECT DISTINCT kind, value FROM jsonb_to_recordset(CAST(:keys AS jsonb)) "
    "  AS k(kind text, value text)), "
    "found AS (SELECT DISTINCT s.customer_id FROM asked a CROSS JOIN LATERAL ("
    "  SELECT l.customer_id FROM identity_key i JOIN link l ON l.id = i.link_id "
    "  WHERE i.kind = a.kind AND i.value = a.value ORDER BY l.customer_id LIMIT :cap) s) "
    "SELECT c.id, c.kind, i.kind AS key_kind, i.value FROM found f "
    "JOIN customer c ON c.id = f.customer_id JOIN link l ON l.customer_id = c.id "
    "JOIN identity_key i ON i.link_id = l.id"
)
_OF_CUSTOMERS = text(
    "SELECT l.customer_id, i.kind, i.value FROM link l JOIN identity_key i ON i.link_id = l.id "
    "WHERE l.customer_id = ANY(:ids)"
)
_UPSERT = (
    "ON CONFLICT (left_id, right_id) DO UPDATE SET score = EXCLUDED.score, "
    "evidence = EXCLUDED.evidence WHERE match_candidate.status = 'OPEN'"
)


def sharing_keys(session: Session, keys: Iterable[Key]) -> list[KeyedCustomer]:
    """Load every customer that shares one of these keys, with all the keys it has."""
    shared = [{"kind": key.kind, "value": key.value} for key in set(keys)]
    if not shared:
        return []
    kinds: dict[UUID, str] = {}
    keys_by_customer: dict[UUID, set[Key]] = {}
    arguments = {"keys": orjson.dumps(shared).decode(), "cap": _SHARED_BY}
    for row in session.execute(_SHARING_KEYS, arguments):
        kinds[row.id] = row.kind
        keys_by_customer.setdefault(row.id, set()).add(Key(row.key_kind, row.value))
    return [
        KeyedCustomer(id, kinds[id], frozenset(customer_keys))
        for id, customer_keys in keys_by_customer.items()
    ]


def keys_of(session: Session, customer_ids: Iterable[UUID]) -> dict[UUID, set[Key]]:
    """Load the recognition keys of each customer."""
    keys: dict[UUID, set[Key]] = {id: set() for id in customer_ids}
    for row in session.execute(_OF_CUSTOMERS, {"ids": list(keys)}):
        keys[row.customer_id].add(Key(row.kind, row.value))
    return keys


def replace_keys(session: Session, keys_by_link: Mapping[UUID, frozenset[Key]]) -> None:
    """Replace the recognition keys of links."""
    if not keys_by_link:
        return
    session.execute(
        text("DELETE FROM identity_key WHERE link_id = ANY(:ids)"), {"ids": list(keys_by_link)}
    )
    rows = [
        {"link_id": link, "kind": key.kind, "value": key.value}
        for link, keys in keys_by_link.items()
        for key in keys
    ]
    bulk.insert(session, "identity_key", rows)


def open_candidates(session: Session, pairs: Sequence[tuple[UUID, Suspicion]]) -> None:
    """Open match candidates for pairs; those that a steward has decided already stay decided."""
    rows: dict[tuple[UUID, UUID], dict[str, Any]] = {}
    for customer_id, suspicion in pairs:
        left, right = sorted((customer_id, suspicion.customer_id))
        if left != right:
            rows[left, right] = {
                "id": new_id(),
                "left_id": left,
                "right_id": right,
                "score": suspicion.score,
                "evidence": [
                    {"field": item.field, "agreement": item.agreement, "weight": item.weight}
                    for item in suspicion.evidence
                ],
                "status": OPEN,
                "version": 1,
                "created_at": "now",
            }
    bulk.insert(session, "match_candidate", [rows[pair] for pair in sorted(rows)], _UPSERT)


@dataclass(frozen=True, slots=True)
class CandidateRow:
    """A match candidate: two customers that may be the same."""

    id: UUID
    left_id: UUID
    right_id: UUID
    score: float
    evidence: tuple[Evidence, ...]
    status: str
    reason: str | None
    version: int
    created_at: datetime
    decided_by: UUID | None
    decided_at: datetime | None


def candidate_of(row: Row[Any]) -> CandidateRow:
    """Build a match candidate from a selected row."""
    return CandidateRow(
        id=row.id,
        left_id=row.left_id,
        right_id=row.right_id,
        score=row.score,
        evidence=tuple(Evidence(**item) for item in row.evidence),
        status=row.status,
        reason=row.reason,
        version=row.version,
        created_at=row.created_at,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
    )


def candidates(
    session: Session,
    scope: Scope,
    *,
    status: str,
    min_score: float,
    customer_id: UUID | None,
    window: Window,
) -> Page[Row[Any]]:
    """Return a page of candidates of which the caller may see both customers and some evidence.

    The strongest come first. The score discloses hidden values, so callers who do not see all
    values in clear get the newest first, and `Denied` where they filter by it.
    """
    hidden = _hidden_fields(scope)
    if hidden and min_score > 0:
        raise Denied(
            "minScore compares values that the policy does not show you in clear; leave it out.",
            "minScore 涉及策略未向您明文开放的数据，请勿使用。",
            field="minScore",
        )
    left, right = customer.alias("l"), customer.alias("r")
    statement = (
        select(candidate)
        .join(left, left.c.id == candidate.c.left_id)
        .join(right, right.c.id == candidate.c.right_id)
        .where(candidate.c.status == status, candidate.c.score >= min_score)
    )
    for side in (left, right):
        statement = statement.where(scope.where(access_columns(side)))
        if status == OPEN:
            statement = statement.where(side.c.merged_into.is_(None))
    if customer_id is not None:
        either = or_(candidate.c.left_id == customer_id, candidate.c.right_id == customer_id)
        statement = statement.where(and_(either))
    if hidden:
        statement = statement.where(_knowable(scope, hidden, left, right))
    first = candidate.c.created_at if hidden else candidate.c.score
    order = [(first, "desc"), (candidate.c.id, "desc")]
    return page(session, statement, order=order, window=window)  # type: ignore[arg-type]  # literals


def _hidden_fields(scope: Scope) -> list[str]:
    """Return the protected fields that are not clear on every row."""
    return [
        field.name
        for field in FIELDS.values()
        if field.protected_by and not scope.clear_in(field.protected_by).everything
    ]


def _knowable(
    scope: Scope, hidden: Sequence[str], left: FromClause, right: FromClause
) -> ColumnElement[bool]:
    """Match candidates with evidence for them that is clear on both sides.

    A candidate that was decided by hand has no evidence and always matches.
    """
    item = func.jsonb_array_elements(candidate.c.evidence).table_valued(column("value", JSONB))
    field = item.c.value["field"].astext
    clear = [field.not_in(hidden)]
    for name in hidden:
        rows = scope.clear_in(str(FIELDS[name].protected_by))
        both = (rows.where(access_columns(side)) for side in (left, right))
        clear.append(and_(field == name, *both))
    supports = item.c.value["weight"].astext.cast(Float) > 0
    visible = select(1).select_from(item).where(supports, or_(*clear)).correlate_except(item)
    return or_(func.jsonb_array_length(candidate.c.evidence) == 0, exists(visible))


def candidate_by_id(session: Session, id: UUID, *, locked: bool = False) -> CandidateRow | None:
    """Load one match candidate, without a scope."""
    statement = select(candidate).where(candidate.c.id == id)
    row = session.execute(statement.with_for_update() if locked else statement).first()
    return candidate_of(row) if row else None


def record_decision(
    session: Session,
    pairs: Iterable[tuple[UUID, UUID]],
    status: str,
    decided_by: UUID,
    reason: str = "",
) -> None:
    """Record the decision about pairs, so that they are not suggested again."""
    rows = [
        {
            "id": new_id(),
            "left_id": left,
            "right_id": right,
            "score": 0.0,
            "evidence": [],
            "status": status,
            "reason": reason,
            "version": 1,
            "created_at": "now",
            "decided_by": decided_by,
            "decided_at": "now",
        }
        for left, right in sorted({tuple(sorted(pair)) for pair in pairs})
    ]
    bulk.insert(
        session,
        "match_candidate",
        rows,
        "ON CONFLICT (left_id, right_id) DO UPDATE SET status = EXCLUDED.status, "
        "reason = EXCLUDED.reason, decided_by = EXCLUDED.decided_by, "
        "decided_at = EXCLUDED.decided_at, version = match_candidate.version + 1",
    )


def count_duplicate_checks(session: Session, actor_id: UUID, more: int = 1) -> int:
    """Add to the duplicate checks of a user today, and return their number."""
    checks: int = session.execute(
        text(
            "INSERT INTO duplicate_check (actor_id, day, asked) VALUES (:id, current_date, :more) "
            "ON CONFLICT (actor_id, day) DO UPDATE SET asked = duplicate_check.asked + :more "
            "RETURNING asked"
        ),
        {"id": actor_id, "more": more},
    ).scalar_one()
    return checks
