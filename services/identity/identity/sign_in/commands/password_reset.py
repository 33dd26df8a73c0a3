"""A code that an administrator hands over, and the new password that its owner sets with it.

So nobody but its owner ever knows a password, and the administrator cannot use it unnoticed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from chassis.actor import Actor
from chassis.audit import events as audit
from chassis.errors import BadInput
from chassis.policy.scope import Scope
from identity.core.domain.ids import UserId
from identity.people.commands.user import held
from identity.people.domain.user import Kind, Status
from identity.people.store import user as users
from identity.sign_in.domain.second_factor import recovery_code, recovery_digest
from identity.sign_in.domain.session import Ending
from identity.sign_in.store import password_reset as store, session as sessions


@dataclass(frozen=True, slots=True)
class Issued:
    """A new code. This is the one moment at which anybody can read it."""

    code: str
    expires_at: datetime


def issue(session: Session, scope: Scope, whose: UserId, lasts: timedelta) -> Issued:
    """Make a code for somebody; one that was made before is good no more."""
    user = held(session, scope, whose, None)
    if user.kind is not Kind.PERSON or user.status is not Status.ACTIVE:
        raise BadInput(
            "userId is no active person, so there is no password to set.",
            "userId 不是在职人员，无法设置密码。",
            field="userId",
        )
    code = recovery_code()
    until = store.keep(session, whose, recovery_digest(code), lasts)
    audit.record(
        session,
        audit.Entry(
            scope.actor,
            "issue_reset_code",
            "User",
            str(whose),
            policy_version=scope.version,
        ),
    )
    return Issued(code, until)


def is_good(session: Session, whose: UserId, code: str) -> bool:
    """Whether a code is somebody's."""
    return store.is_good(session, whose, recovery_digest(code))


def reset(session: Session, whose: UserId, code: str, hashed: str) -> bool:
    """Set a new password by a code, which is used up; all sessions end. False: it is not good."""
    users.hold(session, whose)
    present = users.credentials_of(session, whose)
    if present is None or not present.active or not is_good(session, whose, code):
        return False
    store.drop(session, whose)
    users.change(session, whose, password_hash=hashed, must_change_password=False)
    sessions.end_all(session, whose, Ending.PASSWORD_CHANGED)
    audit.record(session, audit.Entry(Actor(whose), "reset_password", "User", str(whose)))
    return True
