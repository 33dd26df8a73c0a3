"""Add customers to a project and remove them; the policy knows its members, so they share them."""

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
    """Add customers to a project; return the ids of those that changed.

    Raises `Denied` where the actor is neither a member nor may change all projects, `BadInput`, and
    `NotFound`.
    """
    _refuse_too_many(ids)
    _refuse_outsider(scope, project, snapshot)
    return _carry_out(session, scope, project, ids, joins=True)


def remove(session: Session, scope: Scope, project: UUID, ids: Sequence[UUID]) -> list[UUID]:
    """Remove customers from a project; return the ids of those that changed.

    The right to update the customers suffices.
    """
    _refuse_too_many(ids)
    return _carry_out(session, scope, project, ids, joins=False)


def _carry_out(
    session: Session, scope: Scope, project: UUID, ids: Sequence[UUID], *, joins: bool
) -> list[UUID]:
    """Change all customers or none, each locked in the order that all commands use."""
    changed: list[LockedCustomer] = []
    for id in sorted(set(ids)):
        customer = lock_customer(session, scope, id)
        present = set(customer.row.projects)
        if (project in present) == joins:
            continue
        after = present | {project} if joins else present - {project}
        if len(after) > MAX_PROJECTS:
            raise BadInput(
                f"Customer {id} would belong to more than {MAX_PROJECTS} projects, the maximum.",
                f"客户 {id} 所属项目将超过上限 {MAX_PROJECTS} 个。",
                field="customerIds",
            )
        store.update(session, [{"id": customer.id, "projects": sorted(after)}])
        changed.append(customer)
    publish_changed(session, [customer.id for customer in changed])
    change = [None, str(project)] if joins else [str(project), None]
    for customer in changed:
        record_audit(session, customer.scope, str(customer.id), {"projects": change})
    return [customer.id for customer in changed]


def _refuse_outsider(scope: Scope, project: UUID, snapshot: Snapshot | None) -> None:
    """Refuse users who are neither members of the project nor may change all projects."""
    permissions = scope.permissions
    if project in permissions.principal.projects:
        return
    has_members = snapshot is not None and any(
        project == member_project
        for member in snapshot.users.values()
        for member_project, _ in member.projects
    )
    may_change_all = any(grant.everywhere for grant in permissions.grants("Project", "update"))
    if may_change_all and has_members:
        return
    raise Denied(
        "You are not a member of the project projectId now, so you cannot add customers to it.",
        "您当前不在该项目中，无法将客户加入该项目。",
        field="projectId",
    )


def _refuse_too_many(ids: Sequence[UUID]) -> None:
    if not 1 <= len(ids) <= MOST_AT_ONCE:
        raise BadInput(
            f"customerIds has {len(ids)} ids; 1 to {MOST_AT_ONCE} are allowed at once.",
            f"customerIds 含 {len(ids)} 个编号，每次可提交 1 到 {MOST_AT_ONCE} 个。",
            field="customerIds",
        )
