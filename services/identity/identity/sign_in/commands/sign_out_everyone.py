"""Sign out everyone: end every session and refuse every token signed before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from chassis.audit import events as audit
from chassis.policy.scope import Scope
from identity.core.domain.seal import Seal
from identity.sign_in.commands import signing_key
from identity.sign_in.commands.session_guard import require_open_session
from identity.sign_in.store import session as store


@dataclass(frozen=True, slots=True)
class SessionCount:
    """How many sessions, and of how many users."""

    sessions: int
    users: int


def count_sessions(session: Session, scope: Scope) -> SessionCount:
    """Return how many sessions would end."""
    assert scope.object == "Session"
    return SessionCount(*store.count_open(session))


def sign_out_everyone(
    session: Session, scope: Scope, seal: Seal, lifetime: timedelta
) -> SessionCount:
    """End all sessions, the caller's own too, and withdraw every signing key."""
    assert scope.object == "Session"
    require_open_session(session, scope.actor)
    signing_key.withdraw_all(session, seal, lifetime)
    ended = SessionCount(*store.end_every_session(session))
    audit.record(
        session,
        audit.Entry(
            scope.actor,
            "end_all",
            "Session",
            "everybody",
            changes={"sessions_ended": [None, str(ended.sessions)]},
            policy_version=scope.version,
        ),
    )
    return ended
