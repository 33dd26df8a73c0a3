"""Commands of a directory on groups.

Each is one transaction with its policy version and its audit event; names stay out of both.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from chassis.audit import events as audit
from chassis.errors import BadInput, Conflict, Denied, NotFound
from chassis.policy.scope import Scope
from identity.core.commands import policy_version
from identity.core.domain.ids import DirectoryGroupId
from identity.core.domain.version import refuse_stale
from identity.directory.domain import directory as domain
from identity.directory.domain.directory import GroupRequest, Member
from identity.directory.store import directory_group as store, directory_user as directory_users
from identity.directory.store.directory_group import GroupRow
from identity.people.commands import lockout
from identity.people.domain import role as role_domain
from identity.people.store import role as roles


def add_group(session: Session, scope: Scope, request: GroupRequest) -> DirectoryGroupId:
    """Add a group; it confers nothing until an administrator ties roles to it."""
    name = domain.check_group_name(request.display_name)
    policy_version.hold(session)
    _require_free_name(session, name, None)
    _require_people(session, request.members)
    id = store.add(session, name, request.external_id)
    store.set_members(session, id, request.members)
    _record_change(session, scope, id, "create", {"members": [None, str(len(request.members))]})
    return id


def replace_group(
    session: Session,
    scope: Scope,
    id: DirectoryGroupId,
    request: GroupRequest,
    expected_version: int | None,
) -> DirectoryGroupId:
    """Set a group to the state that the directory sent."""
    policy_version.hold(session)
    current = _lock_group(session, scope, id, expected_version)
    name = domain.check_group_name(request.display_name)
    _require_free_name(session, name, id)
    _require_people(session, request.members)
    previous_members = {member.user for member in store.members(session, [id])[id]}
    new_members = {member.user for member in request.members}
    store.change(session, id, display_name=name, external_id=request.external_id)
    store.set_members(session, id, request.members)
    if current.roles and previous_members - new_members:
        lockout.refuse_lockout(session, scope.actor, field="members")
    changes = {
        "joined": [None, ", ".join(sorted(map(str, new_members - previous_members)))],
        "left": [", ".join(sorted(map(str, previous_members - new_members))), None],
    }
    if previous_members != new_members and current.roles:
        _record_change(session, scope, id, "update", changes)
    else:
        audit.record(
            session,
            audit.Entry(
                scope.actor,
                "update",
                "DirectoryGroup",
                str(id),
                changes=changes if previous_members != new_members else {},
                policy_version=scope.version,
            ),
        )
    return id


def remove_group(
    session: Session, scope: Scope, id: DirectoryGroupId, expected_version: int | None
) -> DirectoryGroupId:
    """Remove a group with the roles that it conferred."""
    policy_version.hold(session)
    current = _lock_group(session, scope, id, expected_version)
    store.delete_group(session, id)
    if current.roles:
        lockout.refuse_lockout(session, scope.actor, field="id")
    _record_change(session, scope, id, "delete", {"roles": [", ".join(current.roles), None]})
    return id


def tie_roles(
    session: Session,
    scope: Scope,
    id: DirectoryGroupId,
    role_names: tuple[str, ...],
    expected_version: int | None,
) -> DirectoryGroupId:
    """Let a group confer exactly these roles on its members."""
    if not scope.may("Role", "update"):
        raise Denied(
            "Tying roles to a group requires the right to update Role, "
            "which the policy does not give you.",
            "为用户组绑定角色需要 Role 的 update 权限，当前策略未授予您。",
            coordinate="Role",
            action="update",
        )
    policy_version.hold(session)
    current = _lock_group(session, scope, id, expected_version)
    role_ids = roles.names(session)
    role_domain.refuse_unknown(role_names, list(role_ids), field="roles")
    if set(role_names) == set(current.roles):
        return id
    store.set_roles(session, id, role_names, role_ids)
    store.change(session, id)
    lockout.refuse_lockout(session, scope.actor, field="roles")
    changes = {"roles": [", ".join(current.roles), ", ".join(sorted(set(role_names)))]}
    _record_change(session, scope, id, "tie", changes)
    return id


def _lock_group(
    session: Session, scope: Scope, id: DirectoryGroupId, expected_version: int | None
) -> GroupRow:
    group_row = store.lock(session, scope, id)
    if group_row is None:
        raise NotFound(
            f"No directory group with id {id} exists.", f"未找到目录用户组 {id}。", field="id"
        )
    refuse_stale(group_row.version, expected_version)
    return group_row


def _require_free_name(session: Session, name: str, id: DirectoryGroupId | None) -> None:
    if store.id_by_name(session, name) not in (None, id):
        raise Conflict(
            "displayName is used by another group; find that group with a filter on displayName.",
            "displayName 已被其他用户组使用，请用 displayName 过滤查找该用户组。",
            field="displayName",
        )


def _require_people(session: Session, members: tuple[Member, ...]) -> None:
    requestds = {member.user for member in members}
    if unknown := sorted(map(str, requestds - directory_users.existing_people(session, requestds))):
        raise BadInput(
            f"members has {len(unknown)} ids that are not ids of persons, the first is "
            f"{unknown[0]}.",
            f"members 中有 {len(unknown)} 个 id 不是本系统人员的 id，例如 {unknown[0]}。",
            field="members",
        )


def _record_change(
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
