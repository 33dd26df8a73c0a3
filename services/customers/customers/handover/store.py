"""Handovers as rows, and the customers they still have to hand over."""

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

# Of somebody who moves only what belongs to their old department; merged ones come last, so that an
# unmerge brings nothing back to somebody who is gone.
_THEIRS = "owner_id = :user AND (:whole OR department_id IS NOT DISTINCT FROM CAST(:from AS uuid))"
_COUNT = text(f"SELECT count(*) FROM customer WHERE {_THEIRS}")  # noqa: S608  # words of our code
_NEXT = tuple(
    text(
        f"SELECT id, department_id FROM customer WHERE {_THEIRS} AND merged_into IS {which} "  # noqa: S608  # words of our code
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
# The one that was tried longest ago, so that one that fails does not keep the others waiting.
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
    """One handover, and how far it is. `whole`: all of somebody's customers, not one department's."""

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
class Left:
    """A customer that waits to be handed over, locked."""

    id: UUID
    department: UUID | None


def owned(session: Session, user: UUID) -> int:
    """How many customers somebody owns."""
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
    """Begin a handover; one that began already goes on as it is."""
    theirs = {"user": user, "whole": whole, "from": plan.get("from")}
    session.execute(
        _ADD,
        {
            "id": id,
            "user": user,
            "actor": actor,
            "plan": orjson.dumps(plan).decode(),
            "whole": whole,
            "policy_version": policy_version,
            "total": session.execute(_COUNT, theirs).scalar_one(),
        },
    )


def take_due(session: Session) -> UUID | None:
    """The next one to go on with."""
    found: UUID | None = session.execute(_DUE).scalar_one_or_none()
    return found


def locked(session: Session, id: UUID) -> HandoverRow | None:
    """One handover, unless somebody else goes on with it just now."""
    found = session.execute(_LOCK, {"id": id}).one_or_none()
    return row(found) if found else None


def latest(session: Session, users: Sequence[UUID]) -> dict[UUID, HandoverRow]:
    """The last handover of each of these people."""
    return {one.user_id: row(one) for one in session.execute(_LATEST, {"users": list(users)})}


def left(session: Session, one: HandoverRow, limit: int) -> list[Left]:
    """Some of the customers that are still theirs, locked in the one order that all keep."""
    come_from = one.plan.come_from
    asked = {"user": one.user, "whole": one.whole, "from": come_from, "limit": limit}
    for statement in _NEXT:
        if found := session.execute(statement, asked).all():
            return [Left(each.id, each.department_id) for each in found]
    return []


def advance(session: Session, id: UUID, done: int, to_pool: int) -> None:
    """Write down how far it is."""
    session.execute(
        text("UPDATE handover SET done = done + :done, to_pool = to_pool + :pool WHERE id = :id"),
        {"id": id, "done": done, "pool": to_pool},
    )


def finish(session: Session, id: UUID) -> None:
    """There is nothing left."""
    session.execute(text("UPDATE handover SET finished_at = now() WHERE id = :id"), {"id": id})


def row(found: Row[Any]) -> HandoverRow:
    """A selected row as a value."""
    return HandoverRow(
        id=found.id,
        user=found.user_id,
        actor=found.actor_id,
        plan=plan_of(found.plan),
        whole=found.whole,
        policy_version=found.policy_version,
        total=found.total,
        done=found.done,
        to_pool=found.to_pool,
        created_at=found.created_at,
        finished_at=found.finished_at,
    )
