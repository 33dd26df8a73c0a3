"""Which customers belong to a project. Who is on one is known to the policy, so belonging is sharing."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.errors import BadInput, Denied
from chassis.policy.rules import Snapshot
from chassis.policy.scope import Scope
from customers.pool.commands.access_facts import publish_changed
from customers.pool.commands.audit_trail import record_audit
from customers.pool.commands.locked_customer import (
    LockedCustomer,
    lock_customer,
)
from customers.pool.store import customer as store

MOST_AT_ONCE = 200
MAX_PROJECTS = 50


def add(
    session: Session,
    scope: Scope,
    project: UUID,
    ids: Sequence[UUID],
    snapshot: Snapshot | None,
) -> list[UUID]:
    """Let customers belong to a project that the actor is on, or may change."""
    _refuse_many(ids)
    _refuse_stranger(scope, project, snapshot)
    return _carry_out(session, scope, project, ids, joins=True)


def remove(session: Session, scope: Scope, project: UUID, ids: Sequence[UUID]) -> list[UUID]:
    """Let customers belong to it no longer. Who may change a customer may always do that."""
    _refuse_many(ids)
    return _carry_out(session, scope, project, ids, joins=False)


def _carry_out(
    session: Session, scope: Scope, project: UUID, ids: Sequence[UUID], *, joins: bool
) -> list[UUID]:
    """All of them or none, each locked in the one order that all commands keep."""
    changed: list[LockedCustomer] = []
    for id in sorted(set(ids)):
        held = lock_customer(session, scope, id)
        if (project in held.row.projects) == joins:
            continue
        after = {*held.row.projects, project} if joins else {*held.row.projects} - {project}
        if len(after) > MAX_PROJECTS:
            raise BadInput(
                f"Customer {id} would belong to more than {MAX_PROJECTS} projects.",
                f"客户 {id} 将属于超过 {MAX_PROJECTS} 个项目。",
                field="customerIds",
            )
        store.update(session, [{"id": held.id, "projects": sorted(after)}])
        changed.append(held)
    publish_changed(session, [held.id for held in changed])
    who = [None, str(project)] if joins else [str(project), None]
    for held in changed:
        record_audit(session, held.scope, str(held.id), {"projects": who})
    return [held.id for held in changed]


def _refuse_stranger(scope: Scope, project: UUID, snapshot: Snapshot | None) -> None:
    """Whoever is on a project shares with it; whoever may change every project does so too."""
    permissions = scope.permissions
    if project in permissions.principal.projects:
        return
    known = snapshot is not None and any(
        project == one for member in snapshot.users.values() for one, _ in member.projects
    )
    if any(grant.everywhere for grant in permissions.grants("Project", "update")) and known:
        return
    raise Denied(
        "projectId is no project that you are on just now, so you cannot share customers with it.",
        "您当前不在该项目中，无法将客户加入该项目。",
        field="projectId",
    )


def _refuse_many(ids: Sequence[UUID]) -> None:
    if not 1 <= len(ids) <= MOST_AT_ONCE:
        raise BadInput(
            f"customerIds has {len(ids)} ids; 1 to {MOST_AT_ONCE} are taken at once.",
            f"customerIds 含 {len(ids)} 个编号，每次可提交 1 到 {MOST_AT_ONCE} 个。",
            field="customerIds",
        )
