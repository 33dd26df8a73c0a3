"""Users whose access ended by itself or ends soon; each is claimed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from identity.core.domain.ids import UserId

# Two schedulers claim each row once: the first locks it, the second finds nothing left to change.
_ENDED = text(
    """
    UPDATE user_account SET access_ended_at = now() WHERE id IN (
      SELECT id FROM user_account
      WHERE access_until <= now() AND access_ended_at IS NULL
      ORDER BY id FOR UPDATE SKIP LOCKED
    ) RETURNING id
    """
)
# For access that was given for three days only the reminder of the last day is sent, not the one of
# the last fortnight.
_ENDING = text(
    """
    INSERT INTO access_reminder (user_id, access_until, days)
    SELECT id, access_until, (
      SELECT min(d) FROM unnest(CAST(:days AS integer[])) AS d
      WHERE access_until <= now() + make_interval(days => d))
    FROM user_account
    WHERE status = 'active' AND access_until > now()
      AND access_until <= now() + make_interval(days => :most)
    ON CONFLICT DO NOTHING
    RETURNING user_id, access_until, days
    """
)


@dataclass(frozen=True, slots=True)
class Ending:
    """A user whose access ends within some days."""

    user: UserId
    until: datetime
    days: int


def claim_ended(session: Session) -> list[UserId]:
    """Mark all users whose access ended since the last call and return their ids."""
    return [UserId(id) for id in session.execute(_ENDED).scalars()]


def claim_ending(session: Session, days: Sequence[int]) -> list[Ending]:
    """Mark and return the users whose access ends soon, once for each number of days.

    `days` are the steps of the reminder. A user counts for the fewest days that still hold.
    """
    rows = session.execute(_ENDING, {"days": list(days), "most": max(days)})
    return [Ending(UserId(row.user_id), row.access_until, row.days) for row in rows]
