"""Reset a password by a code that an administrator hands over.

Only its owner ever knows the new password, and an administrator cannot use the code unnoticed.
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
from identity.sign_in.domain.second_factor import new_recovery_code, recovery_code_digest
from identity.sign_in.domain.session import Ending
from identity.sign_in.store import password_reset as store, session as sessions


@dataclass(frozen=True, slots=True)
class IssuedCode:
    """A new code in clear; only its digest is stored."""

    code: str
    expires_at: datetime


def issue_code(session: Session, scope: Scope, user_id: UserId, lifetime: timedelta) -> IssuedCode:
    """Create a reset code for a user, which replaces an earlier one."""
    user = held(session, scope, user_id, None)
    if user.kind is not Kind.PERSON or user.status is not Status.ACTIVE:
        raise BadInput(
            "userId is not an active person; only active persons have a password to reset.",
            "userId 不是在职人员，只有在职人员才能重置密码。",
            field="userId",
        )
    code = new_recovery_code()
    expires_at = store.set_code(session, user_id, recovery_code_digest(code), lifetime)
    audit.record(
        session,
        audit.Entry(
            scope.actor,
            "issue_reset_code",
            "User",
            str(user_id),
            policy_version=scope.version,
        ),
    )
    return IssuedCode(code, expires_at)


def is_valid(session: Session, user_id: UserId, code: str) -> bool:
    """Return whether this is a valid reset code of the user."""
    return store.is_valid(session, user_id, recovery_code_digest(code))


def reset_password(session: Session, user_id: UserId, code: str, new_hash: str) -> bool:
    """Set a new password by a code, which is used up, and end all sessions of the user.

    Returns False if the code is not valid.
    """
    users.hold(session, user_id)
    credentials = users.credentials_of(session, user_id)
    if credentials is None or not credentials.active or not is_valid(session, user_id, code):
        return False
    store.delete_code(session, user_id)
    users.change(session, user_id, password_hash=new_hash, must_change_password=False)
    sessions.end_all(session, user_id, Ending.PASSWORD_CHANGED)
    audit.record(session, audit.Entry(Actor(user_id), "reset_password", "User", str(user_id)))
    return True
