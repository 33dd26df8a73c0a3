"""Commands of a directory on people.

Each is one transaction with its policy version and its audit event; names and addresses stay out of
both.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from chassis.audit import events as audit
from chassis.errors import BadInput, Conflict, NotFound
from chassis.policy.row_scopes import RowAccess
from chassis.policy.scope import Scope
from identity.core.commands import policy_version
from identity.core.domain.ids import DepartmentId, UserId
from identity.core.domain.seal import Seal
from identity.directory.domain import directory as domain
from identity.directory.domain.directory import PersonRequest, Unchanged
from identity.directory.store import (
    api_client as api_clients,
    directory_user as store,
)
from identity.people.commands import lockout
from identity.people.commands.user import held
from identity.people.domain import user as user_domain
from identity.people.domain.user import Kind, Status
from identity.people.store import user as users
from identity.sign_in.domain.session import Ending
from identity.sign_in.store import session as sessions


def add_person(session: Session, scope: Scope, seal: Seal, request: PersonRequest) -> UserId:
    """Create a person, in a department if the directory names one of ours."""
    username = user_domain.username(request.username, field="userName")
    display_name = user_domain.display_name(request.display_name or username)
    policy_version.hold(session)
    _require_free_username(session, username)
    department = _permitted_department(session, scope, request.department)
    if department is None and not scope.everything:
        raise BadInput(
            "department does not name a department in which you may create users.",
            "department 未指明您有权创建用户的部门。",
            field="department",
        )
    password_hash = None if isinstance(request.password_hash, Unchanged) else request.password_hash
    id = users.add(
        session,
        username=username,
        display_name=display_name,
        kind=Kind.PERSON,
        department=department,
        password_hash=password_hash,
    )
    if request.active is False:
        users.change(session, id, status=Status.SUSPENDED.value)
    store.set_document(session, seal, id, request.external_id, request.document)
    changes = {
        "department": [None, str(department) if department else None],
        "status": [None, "suspended" if request.active is False else "active"],
    }
    _record_policy_change(session, scope, id, "provision", changes)
    return id


def replace_person(
    session: Session,
    scope: Scope,
    seal: Seal,
    id: UserId,
    request: PersonRequest,
    expected_version: int | None,
) -> UserId:
    """Set a person to the state that the directory sent."""
    policy_version.hold(session)
    current = held(session, scope, id, expected_version)
    _require_present(session, id)
    username = user_domain.username(request.username, field="userName")
    values: dict[str, object] = {}
    changes: dict[str, list[str | None]] = {}
    if username != current.username:
        _require_free_username(session, username)
        values["username"] = username
        changes["username"] = ["***", "***"]
    display_name = user_domain.display_name(request.display_name or username)
    if display_name != current.display_name:
        values["display_name"] = display_name
        changes["display_name"] = ["***", "***"]
    department = _permitted_department(session, scope, request.department)
    if department is not None and department != current.department:
        previous_department = str(current.department) if current.department else None
        values["department_id"] = department
        changes["department"] = [previous_department, str(department)]
    if request.active is not None and request.active != (current.status is Status.ACTIVE):
        status = Status.ACTIVE if request.active else Status.SUSPENDED
        values["status"] = status.value
        changes["status"] = [current.status.value, status.value]
    if not isinstance(request.password_hash, Unchanged):
        values["password_hash"] = request.password_hash
        sessions.end_all(session, id, Ending.PASSWORD_CHANGED)
        changes["password"] = ["***", "***"]
    users.change(session, id, **values)
    store.set_document(session, seal, id, request.external_id, request.document)
    if values.get("status") == Status.SUSPENDED.value:
        sessions.end_all(session, id, Ending.SUSPENDED)
    if values.keys() & {"status", "password_hash"}:
        lockout.refuse_lockout(session, scope.actor, field="active")
    if values.keys() & {"status", "department_id"}:
        _record_policy_change(session, scope, id, "provision", changes)
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


def remove_person(
    session: Session, scope: Scope, id: UserId, expected_version: int | None
) -> UserId:
    """Take away every right, session, password, key and group of a person who left.

    What the directory sent is deleted. The row stays, for what they did and owned; the user name is
    free for a new person.
    """
    policy_version.hold(session)
    current = held(session, scope, id, expected_version)
    _require_present(session, id)
    users.change(
        session,
        id,
        status=Status.SUSPENDED.value,
        username=domain.former_username(id),
        password_hash=None,
    )
    sessions.end_all(session, id, Ending.SUSPENDED)
    api_clients.revoke_all(session, id)
    store.delete_document(session, id)
    lockout.refuse_lockout(session, scope.actor, field="id")
    _record_policy_change(
        session, scope, id, "deprovision", {"status": [current.status.value, "suspended"]}
    )
    return id


def _permitted_department(session: Session, scope: Scope, text: str | None) -> DepartmentId | None:
    """Return the named department if the actor may put people there, else None."""
    department = domain.match_department(text, store.department_paths(session)) if text else None
    if department is None or scope.everything or scope.sees(RowAccess(None, department)):
        return department
    return None


def _require_present(session: Session, id: UserId) -> None:
    if not store.existing_people(session, [id]):
        raise NotFound(f"No person with id {id} exists.", f"未找到人员 {id}。", field="id")


def _require_free_username(session: Session, username: str) -> None:
    if users.credentials(session, username) is not None:
        raise Conflict(
            "userName is used by another user; find that user with a filter on userName.",
            "userName 已被其他用户使用，请用 userName 过滤查找该用户。",
            field="userName",
        )


def _record_policy_change(
    session: Session, scope: Scope, id: UserId, action: str, changes: dict[str, Any]
) -> None:
    version = policy_version.count_up(session, "user")
    audit.record(
        session,
        audit.Entry(scope.actor, action, "User", str(id), changes=changes, policy_version=version),
    )
