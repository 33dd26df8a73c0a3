"""Suspend and activate users and set their passwords; sessions end with it."""

from __future__ import annotations

from sqlalchemy.orm import Session

from chassis.audit import events as audit
from chassis.audit.events import Entry
from chassis.policy.scope import Scope
from identity.core.commands import policy_version
from identity.core.domain.ids import UserId
from identity.people.commands import lockout
from identity.people.commands.user import held
from identity.people.domain.user import Status
from identity.people.store import user as store
from identity.sign_in.domain.session import Ending
from identity.sign_in.store import session as sessions


def suspend_user(session: Session, scope: Scope, id: UserId, expected: int | None) -> UserId:
    """Suspend a user: their sessions end, and the next policy version gives them no right."""
    policy_version.hold(session)
    present = held(session, scope, id, expected)
    if present.status is Status.ACTIVE:
        store.change(session, id, status=Status.SUSPENDED.value)
        sessions.end_all(session, id, Ending.SUSPENDED)
        lockout.refuse_lockout(session, scope.actor, field="id")
        changes = {"status": ["active", "suspended"]}
        entry = Entry(scope.actor, "suspend", "User", str(id), changes)
        policy_version.record_change(session, "user", entry)
    return id


def activate_user(session: Session, scope: Scope, id: UserId, expected: int | None) -> UserId:
    """Activate a suspended user again."""
    policy_version.hold(session)
    present = held(session, scope, id, expected)
    if present.status is Status.SUSPENDED:
        store.change(session, id, status=Status.ACTIVE.value)
        changes = {"status": ["suspended", "active"]}
        entry = Entry(scope.actor, "activate", "User", str(id), changes)
        policy_version.record_change(session, "user", entry)
    return id


def set_password(
    session: Session, scope: Scope, id: UserId, hashed: str, *, must_change: bool
) -> UserId:
    """Set the password hash of another user and end all their sessions."""
    held(session, scope, id, None)
    store.change(session, id, password_hash=hashed, must_change_password=must_change)
    sessions.end_all(session, id, Ending.PASSWORD_CHANGED)
    audit.record(
        session,
        Entry(scope.actor, "set_password", "User", str(id), policy_version=scope.version),
    )
    return id
