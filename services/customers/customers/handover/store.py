"""Handovers as rows, and the customers that are still to be handed over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from customers.handover.domain import Plan, plan_of

# Of a user who moves, only what belongs to their former department; merged customers come last, so
# that an unmerge brings nothing back to a user who has left.
_OWNED_BY_USER = (
    "owner_id = :user AND (:whole OR department_id IS NOT DISTINCT FROM CAST(:from AS uuid))"
)
_COUNT = text(f"SELECT count(*) FROM customer WHERE {_OWNED_BY_USER}")  # noqa: S608  # words of our code
_NEXT = tuple(
    text(
        f"SELECT id, department_id FROM customer WHERE {_OWNED_BY_USER} AND merged_into IS {which} "  # noqa: S608  # words of our code
        "ORDER BY id LIMIT :limit FOR UPDATE"
    )
    for which in ("NULL", "NOT NULL")
)
_OWNED = text("SELECT count(*) FROM customer WHERE owner_id = :user AND merged_into IS NULL")
_ADD = text(
    "INSERT INTO handover (id, user_id, actor_id, plan, whole, policy_version, total) "
    "VALUES (:id, :user, :actor, CAST(:plan AS jsonb), :whole, :policy_version, :total) "
    "ON CONFLICT DO NOTHING"
)
# The handover that was tried longest ago, so that a failing one does not delay the others.
_DUE = text(
    "UPDATE handover SET tried_at = clock_timestamp() WHERE id = (SELECT id FROM handover "
    "WHERE finished_at IS NULL ORDER BY tried_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id"
)
_COLUMNS = (
    "id, user_id, actor_id, plan, whole, policy_version, total, done, to_pool, created_at, "
    "finished_at"
)
_LOCK = text(f"SELECT {_COLUMNS} FROM handover WHERE id = :id FOR UPDATE SKIP LOCKED")  # noqa: S608  # words of our code
_LATEST = text(
    f"SELECT DISTINCT ON (user_id) {_COLUMNS} FROM handover WHERE user_id = ANY(:users) "  # noqa: S608  # words of our code
    "ORDER BY user_id, created_at DESC"
)


@dataclass(frozen=True, slots=True)
class HandoverRow:
    """A handover and its progress; `whole` means all customers, not one department's."""

    id: UUID
    user: UUID
    actor: UUID
    plan: Plan
    whole: bool
    policy_version: int
    total: int
    done: int
    to_pool: int
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class PendingCustomer:
    """A customer that is still to be handed over, locked."""

    id: UUID
    department: UUID | None


def owned(session: Session, user: UUID) -> int:
    """Count the customers that a user owns."""
    return int(session.execute(_OWNED, {"user": user}).scalar_one())


def add(
    session: Session,
    *,
    id: UUID,
    user: UUID,
    actor: UUID,
    plan: dict[str, Any],
    whole: bool,
    policy_version: int,
) -> None:
    """Insert a handover; one that exists already continues as it is."""
    selection = {"user": user, "whole": whole, "from": plan.get("from")}
    session.execute(
        _ADD,
        {
            "id": id,
            "user": user,
            "actor": actor,
            "plan": orjson.dumps(plan).decode(),
            "whole": whole,
            "policy_version": policy_version,
            "total": session.execute(_COUNT, selection).scalar_one(),
        },
    )


def any_due(session: Session) -> bool:
    """Return whether a handover is to be continued."""
    statement = text("SELECT EXISTS (SELECT 1 FROM handover WHERE finished_at IS NULL)")
    return bool(session.execute(statement).scalar_one())


def take_due(session: Session) -> UUID | None:
    """Return the id of the next handover to continue."""
    id: UUID | None = session.execute(_DUE).scalar_one_or_none()
    return id


def lock(session: Session, id: UUID) -> HandoverRow | None:
    """Lock a handover; `None` where another worker is continuing it."""
    row = session.execute(_LOCK, {"id": id}).one_or_none()
    return _handover(row) if row else None


def latest(session: Session, users: Sequence[UUID]) -> dict[UUID, HandoverRow]:
    """Load the last handover of each user."""
    rows = session.execute(_LATEST, {"users": list(users)})
    return {row.user_id: _handover(row) for row in rows}


def lock_pending(session: Session, handover: HandoverRow, limit: int) -> list[PendingCustomer]:
    """Lock a batch of customers that are still to be handed over, in the order all commands use."""
    arguments = {
        "user": handover.user,
        "whole": handover.whole,
        "from": handover.plan.come_from,
        "limit": limit,
    }
    for statement in _NEXT:
        if rows := session.execute(statement, arguments).all():
            return [PendingCustomer(row.id, row.department_id) for row in rows]
    return []


def advance(session: Session, id: UUID, done: int, to_pool: int) -> None:
    """Add a batch to the progress of a handover."""
    session.execute(
        text("UPDATE handover SET done = done + :done, to_pool = to_pool + :pool WHERE id = :id"),
        {"id": id, "done": done, "pool": to_pool},
    )


def finish(session: Session, id: UUID) -> None:
    """Mark a handover as finished."""
    session.execute(text("UPDATE handover SET finished_at = now() WHERE id = :id"), {"id": id})


def _handover(row: Row[Any]) -> HandoverRow:
    return HandoverRow(
        id=row.id,
        user=row.user_id,
        actor=row.actor_id,
        plan=plan_of(row.plan),
        whole=row.whole,
        policy_version=row.policy_version,
        total=row.total,
        done=row.done,
        to_pool=row.to_pool,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )
