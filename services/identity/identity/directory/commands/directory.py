"""What a directory does to people and groups. Each is one transaction with its policy version and
its place in the ledger; names and addresses stay out of both."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from chassis.audit import events as audit
from chassis.errors import BadInput, Conflict, Denied, NotFound
from chassis.policy.row_scopes import RowAccess
from chassis.policy.scope import Scope
from identity.core.commands import policy_version
from identity.core.domain.ids import DepartmentId, DirectoryGroupId, UserId
from identity.core.domain.seal import Seal
from identity.core.domain.version import refuse_stale
from identity.directory.domain import directory as domain
from identity.directory.domain.directory import Group, Member, Person, Unchanged
from identity.directory.store import api_client as api_clients, directory as store
from identity.directory.store.directory import GroupRow
from identity.people.commands import lockout
from identity.people.commands.user import held
from identity.people.domain import role as role_domain, user as user_domain
from identity.people.domain.user import Kind, Status
from identity.people.store import role as roles, user as users
from identity.sign_in.domain.session import Ending
from identity.sign_in.store import session as sessions


def add_person(session: Session, scope: Scope, seal: Seal, wanted: Person) -> UserId:
    """Somebody new works here. They get a department if the directory names one of ours."""
    username = user_domain.username(wanted.username, field="userName")
    shown = user_domain.display_name(wanted.display_name or username)
    policy_version.hold(session)
    _refuse_taken(session, username)
    place = _place(session, scope, wanted.department)
    if place is None and not scope.everything:
        raise BadInput(
            "department names no department where you may put people.",
            "department 不是您可以安排人员的部门。",
            field="department",
        )
    kept = None if isinstance(wanted.password_hash, Unchanged) else wanted.password_hash
    id = users.add(
        session,
        username=username,
        display_name=shown,
        kind=Kind.PERSON,
        department=place,
        password_hash=kept,
    )
    if wanted.active is False:
        users.change(session, id, status=Status.SUSPENDED.value)
    store.keep(session, seal, id, wanted.external_id, wanted.document)
    changes = {
        "department": [None, str(place) if place else None],
        "status": [None, "suspended" if wanted.active is False else "active"],
    }
    _tell(session, scope, id, "provision", changes)
    return id


def replace_person(
    session: Session, scope: Scope, seal: Seal, id: UserId, wanted: Person, expected: int | None
) -> UserId:
    """Make a person what the directory says they are now."""
    policy_version.hold(session)
    present = held(session, scope, id, expected)
    _refuse_gone(session, id)
    username = user_domain.username(wanted.username, field="userName")
    values: dict[str, object] = {}
    changes: dict[str, list[str | None]] = {}
    if username != present.username:
        _refuse_taken(session, username)
        values["username"] = username
        changes["username"] = ["***", "***"]
    shown = user_domain.display_name(wanted.display_name or username)
    if shown != present.display_name:
        values["display_name"] = shown
        changes["display_name"] = ["***", "***"]
    place = _place(session, scope, wanted.department)
    if place is not None and place != present.department:
        before = str(present.department) if present.department else None
        values["department_id"] = place
        changes["department"] = [before, str(place)]
    if wanted.active is not None and wanted.active != (present.status is Status.ACTIVE):
        status = Status.ACTIVE if wanted.active else Status.SUSPENDED
        values["status"] = status.value
        changes["status"] = [present.status.value, status.value]
    if not isinstance(wanted.password_hash, Unchanged):
        values["password_hash"] = wanted.password_hash
        sessions.end_all(session, id, Ending.PASSWORD_CHANGED)
        changes["password"] = ["***", "***"]
    users.change(session, id, **values)
    store.keep(session, seal, id, wanted.external_id, wanted.document)
    if values.get("status") == Status.SUSPENDED.value:
        sessions.end_all(session, id, Ending.SUSPENDED)
    if values.keys() & {"status", "password_hash"}:
        lockout.refuse_lockout(session, scope.actor, field="active")
    if values.keys() & {"status", "department_id"}:
        _tell(session, scope, id, "provision", changes)
    else:
        audit.record(
            session,
            audit.Entry(
                scope.actor,
                "provision",
                "User",
                str(id),
                changes=changes,
                policy_version=scope.version,
            ),
        )
    return id


def remove_person(session: Session, scope: Scope, id: UserId, expected: int | None) -> UserId:
    """Somebody left: no right, no session, no password, no group; what the directory said is gone.

    Their row stays, for what they did and owned. Their user name is free for a new person.
    """
    policy_version.hold(session)
    present = held(session, scope, id, expected)
    _refuse_gone(session, id)
    users.change(
        session,
        id,
        status=Status.SUSPENDED.value,
        username=domain.former_username(id),
        password_hash=None,
    )
    sessions.end_all(session, id, Ending.SUSPENDED)
    api_clients.revoke_all(session, id)
    store.forget(session, id)
    lockout.refuse_lockout(session, scope.actor, field="id")
    _tell(session, scope, id, "deprovision", {"status": [present.status.value, "suspended"]})
    return id


def add_group(session: Session, scope: Scope, wanted: Group) -> DirectoryGroupId:
    """The directory has a new group. It confers nothing until somebody here ties roles to it."""
    name = domain.group_name(wanted.display_name)
    policy_version.hold(session)
    _refuse_second(session, name, None)
    _refuse_unknown(session, wanted.members)
    id = store.add_group(session, name, wanted.external_id)
    store.set_members(session, id, wanted.members)
    _tell_group(session, scope, id, "create", {"members": [None, str(len(wanted.members))]})
    return id


def replace_group(
    session: Session, scope: Scope, id: DirectoryGroupId, wanted: Group, expected: int | None
) -> DirectoryGroupId:
    """Make a group what the directory says it is now."""
    policy_version.hold(session)
    present = _held_group(session, scope, id, expected)
    name = domain.group_name(wanted.display_name)
    _refuse_second(session, name, id)
    _refuse_unknown(session, wanted.members)
    before = {one.user for one in store.members(session, [id])[id]}
    after = {one.user for one in wanted.members}
    store.change_group(session, id, display_name=name, external_id=wanted.external_id)
    store.set_members(session, id, wanted.members)
    if present.roles and before - after:
        lockout.refuse_lockout(session, scope.actor, field="members")
    changes = {
        "joined": [None, ", ".join(sorted(map(str, after - before)))],
        "left": [", ".join(sorted(map(str, before - after))), None],
    }
    if before != after and present.roles:
        _tell_group(session, scope, id, "update", changes)
    else:
        audit.record(
            session,
            audit.Entry(
                scope.actor,
                "update",
                "DirectoryGroup",
                str(id),
                changes=changes if before != after else {},
                policy_version=scope.version,
            ),
        )
    return id


def remove_group(
    session: Session, scope: Scope, id: DirectoryGroupId, expected: int | None
) -> DirectoryGroupId:
    """The directory has this group no more; what it conferred is taken back."""
    policy_version.hold(session)
    present = _held_group(session, scope, id, expected)
    store.delete_group(session, id)
    if present.roles:
        lockout.refuse_lockout(session, scope.actor, field="id")
    _tell_group(session, scope, id, "delete", {"roles": [", ".join(present.roles), None]})
    return id


def tie_roles(
    session: Session,
    scope: Scope,
    id: DirectoryGroupId,
    asked: tuple[str, ...],
    expected: int | None,
) -> DirectoryGroupId:
    """Let a group confer these roles on whoever the directory puts into it."""
    if not scope.may("Role", "update"):
        raise Denied(
            "Tying roles to a group needs the right to update Role, "
            "which the policy does not give you.",
            "为用户组绑定角色需要 Role 的 update 权限，当前策略未授予您。",
            coordinate="Role",
            action="update",
        )
    policy_version.hold(session)
    present = _held_group(session, scope, id, expected)
    known = roles.names(session)
    role_domain.refuse_unknown(asked, list(known), field="roles")
    if set(asked) == set(present.roles):
        return id
    store.tie(session, id, asked, known)
    store.change_group(session, id)
    lockout.refuse_lockout(session, scope.actor, field="roles")
    changes = {"roles": [", ".join(present.roles), ", ".join(sorted(set(asked)))]}
    _tell_group(session, scope, id, "tie", changes)
    return id


def _held_group(
    session: Session, scope: Scope, id: DirectoryGroupId, expected: int | None
) -> GroupRow:
    found = store.locked_group(session, scope, id)
    if found is None:
        raise NotFound(f"No group {id} exists.", f"未找到用户组 {id}。", field="id")
    refuse_stale(found.version, expected)
    return found


def _place(session: Session, scope: Scope, said: str | None) -> DepartmentId | None:
    """The department that is meant, if the one who provisions may put people there."""
    found = domain.place(said, store.departments(session)) if said else None
    if found is None or scope.everything or scope.sees(RowAccess(None, found)):
        return found
    return None


def _refuse_gone(session: Session, id: UserId) -> None:
    if not store.known_people(session, [id]):
        raise NotFound(f"No person {id} exists.", f"未找到人员 {id}。", field="id")


def _refuse_taken(session: Session, username: str) -> None:
    if users.credentials(session, username) is not None:
        raise Conflict(
            "There is a user of this name already; find it with a filter on userName.",
            "该用户名已被使用，请用 userName 过滤查找。",
            field="userName",
        )


def _refuse_second(session: Session, name: str, id: DirectoryGroupId | None) -> None:
    if store.group_named(session, name) not in (None, id):
        raise Conflict(
            "There is a group of this name already; find it with a filter on displayName.",
            "该用户组名已被使用，请用 displayName 过滤查找。",
            field="displayName",
        )


def _refuse_unknown(session: Session, members: tuple[Member, ...]) -> None:
    wanted = {one.user for one in members}
    if unknown := sorted(map(str, wanted - store.known_people(session, wanted))):
        raise BadInput(
            f"members names {len(unknown)} who are no people here, the first is {unknown[0]}.",
            f"members 中有 {len(unknown)} 个不是本系统的人员，例如 {unknown[0]}。",
            field="members",
        )


def _tell(session: Session, scope: Scope, id: UserId, action: str, changes: dict[str, Any]) -> None:
    version = policy_version.count_up(session, "user")
    audit.record(
        session,
        audit.Entry(scope.actor, action, "User", str(id), changes=changes, policy_version=version),
    )


def _tell_group(
    session: Session, scope: Scope, id: DirectoryGroupId, action: str, changes: dict[str, Any]
) -> None:
    version = policy_version.count_up(session, "group")
    audit.record(
        session,
        audit.Entry(
            scope.actor,
            action,
            "DirectoryGroup",
            str(id),
            changes=changes,
            policy_version=version,
        ),
    )
