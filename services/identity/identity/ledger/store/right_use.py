"""Store how often rights were used: one row a user, right and day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from identity.ledger.domain.right_use import Right, Use

_ADD = text(
    "INSERT INTO right_use (user_id, object, action, day, uses) "
    "SELECT (u ->> 0)::uuid, u ->> 1, u ->> 2, (u ->> 3)::date, sum((u ->> 4)::bigint) "
    "FROM jsonb_array_elements(CAST(:uses AS jsonb)) AS u GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4 "
    "ON CONFLICT (user_id, object, action, day) DO UPDATE SET uses = right_use.uses + excluded.uses"
)
_SINCE = text(
    "SELECT user_id, object, action, sum(uses) AS uses, max(day) AS last FROM right_use "
    "WHERE user_id = ANY(:users) AND day > current_date - :days GROUP BY 1, 2, 3"
)
_FORGET = text("DELETE FROM right_use WHERE day < current_date - :days")


def add(session: Session, uses: Sequence[Any]) -> None:
    """Add uses: lists of user, object, action, day and count."""
    session.execute(_ADD, {"uses": orjson.dumps(list(uses)).decode()})


def since(session: Session, users: Sequence[UUID], days: int) -> dict[UUID, dict[Right, Use]]:
    """Return the rights that each user used in the last days."""
    uses_by_user: dict[UUID, dict[Right, Use]] = defaultdict(dict)
    for row in session.execute(_SINCE, {"users": list(users), "days": days}):
        uses_by_user[row.user_id][row.object, row.action] = Use(int(row.uses), row.last)
    return uses_by_user


def forget(session: Session, days: int) -> None:
    """Delete the uses of days that are long past."""
    session.execute(_FORGET, {"days": days})
