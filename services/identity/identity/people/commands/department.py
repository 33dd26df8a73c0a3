"""Create, rename and move departments, and set their heads."""

from __future__ import annotations

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
from identity.people.domain import department as domain
from identity.people.store import department as store, user as users
from identity.people.store.department import DepartmentRow


def create_department(
    session: Session,
    scope: Scope,
    name: str,
    parent: DepartmentId | None,
    key: str | None = None,
) -> DepartmentId:
    """Create a department below the parent, or at the top, and return its id."""

    def run() -> dict[str, Any]:
        accepted = domain.name(name)
        policy_version.hold(session)
        _refuse_place(session, scope, parent)
        domain.refuse_too_deep(store.depth(session, parent) + 1)
        _refuse_name_in_use(session, accepted, parent)
        id = store.add(session, accepted, parent)
        changes = {"name": [None, accepted], "parent": [None, _text(parent)]}
        entry = Entry(scope.actor, "create", "Department", str(id), changes)
        policy_version.record_change(session, "department", entry)
        return {"id": str(id)}

    request = [name, str(parent)]
    answer = run_idempotent(
        session, scope.actor.user_id, key, "createDepartment", run, request=request
    )
    return DepartmentId(UUID(answer["id"]))


def rename_department(
    session: Session, scope: Scope, id: DepartmentId, name: str, expected: int | None
) -> DepartmentId:
    """Rename a department. Raises `NotFound` and `Conflict`."""
    accepted = domain.name(name)
    present = held(session, scope, id)
    refuse_stale(present.version, expected)
    if present.name != accepted:
        _refuse_name_in_use(session, accepted, present.parent)
        store.rename(session, id, accepted)
        changes = {"name": [present.name, accepted]}
        audit.record(session, Entry(scope.actor, "update", "Department", str(id), changes=changes))
    return id


def move_department(
    session: Session,
    scope: Scope,
    id: DepartmentId,
    parent: DepartmentId | None,
    expected: int | None,
) -> DepartmentId:
    """Move a department with all below it under another parent, or to the top."""
    policy_version.hold(session)
    present = held(session, scope, id)
    refuse_stale(present.version, expected)
    if present.parent != parent:
        domain.refuse_circle(id, parent, store.below(session, id))
        _refuse_place(session, scope, parent)
        domain.refuse_too_deep(store.depth(session, parent) + store.height(session, id))
        _refuse_name_in_use(session, present.name, parent)
        store.move(session, id, parent)
        changes = {"parent": [_text(present.parent), _text(parent)]}
        entry = Entry(scope.actor, "move", "Department", str(id), changes)
        policy_version.record_change(session, "department", entry)
    return id


def set_head(
    session: Session, scope: Scope, id: DepartmentId, head: UserId | None, expected: int | None
) -> DepartmentId:
    """Set the head of a department, to whom work can be handed over; it gives no right."""
    present = held(session, scope, id)
    refuse_stale(present.version, expected)
    if present.head != head:
        about = users.about(session, head) if head else None
        if head is not None and (about is None or not about.works_here):
            raise BadInput(
                "userId is no user who works here now; choose an active user.",
                "userId 不是在职人员，请选择在职人员。",
                field="userId",
            )
        store.set_head(session, id, head)
        before = str(present.head) if present.head else None
        changes = {"head": [before, str(head) if head else None]}
        audit.record(session, Entry(scope.actor, "update", "Department", str(id), changes=changes))
    return id


def held(session: Session, scope: Scope, id: DepartmentId) -> DepartmentRow:
    """Return the department, locked until the transaction ends. Raises `NotFound`."""
    row = store.locked(session, scope, id)
    if row is None:
        raise NotFound(f"No department {id} exists.", f"未找到部门 {id}。", field="id")
    return row


def _refuse_place(session: Session, scope: Scope, parent: DepartmentId | None) -> None:
    """Raise for a parent outside the scope; only a scope of all rows reaches the top."""
    if parent is None:
        if not scope.everything:
            raise Denied(
                "parentId is null, and you may change departments below your own only, not at the "
                "top.",
                "您只能调整本部门以下的部门，不能调整顶级部门。",
            )
        return
    if not scope.sees(RowAccess(None, parent)) or store.by_ids(session, scope, [parent]) == [None]:
        raise BadInput(
            f"parentId {parent} is no department that you may change.",
            f"parentId {parent} 不是您可以更改的部门。",
            field="parentId",
        )


def _refuse_name_in_use(session: Session, name: str, parent: DepartmentId | None) -> None:
    if store.child(session, parent, name) is not None:
        raise Conflict(
            f"There is a department {name!r} at this place already; choose another name.",
            f"该位置已存在部门“{name}”，请使用其他名称。",
            field="name",
        )


def _text(id: DepartmentId | None) -> str | None:
    return str(id) if id else None
