"""Whose access ended by itself, and whose is about to: what is told of once each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from identity.core.domain.ids import UserId

# Two schedulers tell of each once: the first holds the row, the second finds nothing to change.
_ENDED = text(
    """
    UPDATE user_account SET access_ended_at = now() WHERE id IN (
      SELECT id FROM user_account
      WHERE access_until <= now() AND access_ended_at IS NULL
      ORDER BY id FOR UPDATE SKIP LOCKED
    ) RETURNING id
    """
)
# Somebody who was just let in for three days is told of the last day, not of the last fortnight.
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
    """Somebody whose access ends within some days."""

    user: UserId
    until: datetime
    days: int


def claim_ended(session: Session) -> list[UserId]:
    """Everybody whose access ended and of whom nobody was told, marked as told of."""
    return [UserId(id) for id in session.execute(_ENDED).scalars()]


def claim_ending(session: Session, days: Sequence[int]) -> list[Ending]:
    """Everybody whose access ends within the fewest of these days, once for each number of them."""
    rows = session.execute(_ENDING, {"days": list(days), "most": max(days)})
    return [Ending(UserId(row.user_id), row.access_until, row.days) for row in rows]
