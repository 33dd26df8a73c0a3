"""Signing everybody out at once: no session goes on, and no token that was signed before is believed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from chassis.audit import events as audit
from chassis.policy.scope import Scope
from identity.core.domain.seal import Seal
from identity.sign_in.commands import signing_key
from identity.sign_in.commands.signed_in import refuse_ended
from identity.sign_in.store import session as store


@dataclass(frozen=True, slots=True)
class Everybody:
    """How many sessions ended, or would."""

    sessions: int
    users: int


def count(session: Session, scope: Scope) -> Everybody:
    """How many sessions would end."""
    assert scope.object == "Session"
    return Everybody(*store.open_everywhere(session))


def end_all(session: Session, scope: Scope, seal: Seal, lifetime: timedelta) -> Everybody:
    """End all sessions, one's own too, and withdraw every key."""
    assert scope.object == "Session"
    refuse_ended(session, scope.actor)
    signing_key.withdraw(session, seal, lifetime)
    done = Everybody(*store.end_everybody(session))
    audit.record(
        session,
        audit.Entry(
            scope.actor,
            "end_all",
            "Session",
            "everybody",
            changes={"sessions_ended": [None, str(done.sessions)]},
            policy_version=scope.version,
        ),
    )
    return done
