"""Create and change users. Names stay out of facts and audit events, which carry ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.audit import events as audit
from chassis.audit.events import Entry
from chassis.errors import BadInput, Conflict, Denied, NotFound
from chassis.idempotency import run_idempotent
from chassis.policy.row_scopes import RowAccess
from chassis.policy.scope import Scope
from identity.core.commands import policy_version
from identity.core.domain.ids import DepartmentId, UserId
from identity.core.domain.version import refuse_stale
from identity.people.commands import lockout
from identity.people.domain import role as role_domain, user as domain
from identity.people.domain.user import Kind
from identity.people.store import department as departments, role as roles, user as store
from identity.people.store.user import UserRow


@dataclass(frozen=True, slots=True)
class Draft:
    """The values of a new user.

    The password comes hashed, since hashing takes too long for a transaction.
    """

    username: str
    display_name: str
    department: DepartmentId | None = None
    roles: tuple[str, ...] = ()
    kind: Kind = Kind.PERSON
    password_hash: str | None = None
    access_until: datetime | None = None
    must_change_password: bool = False


@dataclass(frozen=True, slots=True)
class Unset:
    """The value of a field that a change leaves as it is, where `None` is a value of its own."""


UNSET = Unset()


@dataclass(frozen=True, slots=True)
class Change:
    """The changes of a user; a field that is left out stays."""

    display_name: str | None = None
    department: DepartmentId | Unset | None = UNSET
    roles: tuple[str, ...] | None = None
    access_until: datetime | Unset | None = UNSET


def create_user(session: Session, scope: Scope, draft: Draft, key: str | None = None) -> UserId:
    """Create a user who may sign in and return their id. Raises `BadInput` and `Conflict`."""

    def run() -> dict[str, Any]:
        username = domain.username(draft.username)
        display_name = domain.display_name(draft.display_name)
        until = domain.access_until(draft.access_until, draft.kind, datetime.now(UTC))
        policy_version.hold(session)
        _refuse_place(session, scope, draft.department)
        if store.credentials(session, username) is not None:
            raise Conflict(
                "username is in use by another user; choose another one.",
                "该用户名已被使用，请换一个。",
                field="username",
            )
        id = store.add(
            session,
            username=username,
            display_name=display_name,
            kind=draft.kind,
            department=draft.department,
            password_hash=draft.password_hash,
            access_until=until,
            must_change_password=draft.must_change_password,
        )
        if draft.roles:
            _give_roles(session, scope, id, draft.roles)
        changes = {
            "department": [None, str(draft.department) if draft.department else None],
            "roles": [None, ", ".join(sorted(draft.roles))],
            "access_until": [None, _moment(until)],
        }
        entry = Entry(scope.actor, "create", "User", str(id), changes)
        policy_version.record_change(session, "user", entry)
        return {"id": str(id)}

    request = [
        draft.username,
        draft.display_name,
        str(draft.department),
        sorted(draft.roles),
        draft.kind.value,
        _moment(draft.access_until),
    ]
    answer = run_idempotent(session, scope.actor.user_id, key, "createUser", run, request=request)
    return UserId(UUID(answer["id"]))


def update_user(
    session: Session, scope: Scope, id: UserId, change: Change, expected: int | None
) -> UserId:
    """Change name, department, roles or end of access of a user."""
    policy_version.hold(session)
    present = held(session, scope, id, expected)
    values: dict[str, object] = {}
    changes: dict[str, list[str | None]] = {}
    if change.display_name is not None:
        display_name = domain.display_name(change.display_name)
        if display_name != present.display_name:
            values["display_name"] = display_name
            changes["display_name"] = ["***", "***"]
    if not isinstance(change.department, Unset) and change.department != present.department:
        _refuse_place(session, scope, change.department)
        values["department_id"] = change.department
        changes["department"] = [_text(present.department), _text(change.department)]
    ends = False
    if not isinstance(change.access_until, Unset):
        until = domain.access_until(change.access_until, present.kind, datetime.now(UTC))
        ends = until != present.access_until
        if ends:
            values |= {"access_until": until, "access_ended_at": None}
            changes["access_until"] = [_moment(present.access_until), _moment(until)]
    new_roles = change.roles is not None and set(change.roles) != set(present.roles)
    if change.roles is not None and new_roles:
        _give_roles(session, scope, id, change.roles)
        changes["roles"] = [", ".join(present.roles), ", ".join(sorted(set(change.roles)))]
    if not changes:
        return id
    store.change(session, id, **values)
    if new_roles or ends:
        field = "roles" if new_roles else "accessUntil"
        lockout.refuse_lockout(session, scope.actor, field=field)
    if new_roles or ends or "department_id" in values:
        entry = Entry(scope.actor, "update", "User", str(id), changes)
        policy_version.record_change(session, "user", entry)
    else:
        audit.record(
            session,
            Entry(
                scope.actor,
                "update",
                "User",
                str(id),
                changes=changes,
                policy_version=scope.version,
            ),
        )
    return id


def held(session: Session, scope: Scope, id: UserId, expected: int | None) -> UserRow:
    """Return the user, locked until the transaction ends.

    Raises `NotFound`, `Conflict` for another version, and `Denied` for a user with more rights.
    """
    row = store.locked(session, scope, id)
    if row is None:
        raise NotFound(f"No user {id} exists for you.", f"未找到您可管理的用户 {id}。", field="id")
    refuse_stale(row.version, expected)
    lockout.refuse_taking_over(session, scope.permissions, id)
    return row


def _give_roles(session: Session, scope: Scope, id: UserId, names: Sequence[str]) -> None:
    """Give a user roles. That is policy, so it needs more than the right to change users."""
    if not scope.may("Role", "update"):
        raise Denied(
            "Giving roles needs the right to update Role, which the policy does not give you.",
            "授予角色需要 Role 的 update 权限，当前策略未授予您。",
            coordinate="Role",
            action="update",
        )
    role_ids = roles.names(session)
    role_domain.refuse_unknown(names, list(role_ids), field="roles")
    store.give_roles(session, id, names, role_ids)


def _refuse_place(session: Session, scope: Scope, department: DepartmentId | None) -> None:
    """Raise `BadInput` for a department in which the caller could not reach the user."""
    if scope.everything:
        allowed = department is None or departments.depth(session, department) > 0
    else:
        allowed = scope.sees(RowAccess(None, department))
    if not allowed:
        raise BadInput(
            f"departmentId {department} is no department in which you may manage users.",
            f"departmentId {department} 不是您可以管理用户的部门。",
            field="departmentId",
        )


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _text(id: DepartmentId | None) -> str | None:
    return str(id) if id else None
