"""Off-board a user or change their job: what they have ends at once or goes to others.

What this service holds ends in the same transaction. What other services hold (customers, tasks,
exports) is announced by one fact; each service hands over its own rows by the plan in it, batch by
batch, and shows its progress.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.orm import Session

from chassis.audit import events as audit
from chassis.errors import BadInput
from chassis.facts.outbox import record
from chassis.facts.types import FactType
from chassis.policy.scope import Scope
from identity.core.commands import policy_version
from identity.core.domain import facts
from identity.core.domain.ids import DepartmentId, UserId
from identity.directory.store import api_client as keys, directory_group as directory
from identity.lifecycle import domain, store
from identity.lifecycle.domain import Kind, Plan
from identity.lifecycle.store import Holdings
from identity.people.commands import lockout, user as users_commands
from identity.people.commands.user import Change
from identity.people.domain.user import Kind as UserKind, Status
from identity.people.store import department as departments, project as projects, user as users
from identity.sign_in.domain.session import Ending
from identity.sign_in.store import session as sessions
from identity.temporary.store import delegation as delegations, emergency_access as emergencies


@dataclass(frozen=True, slots=True)
class Result:
    """What ended, or in a dry run would end; a dry run has no `id`."""

    user: UserId
    kind: Kind
    ended: Holdings
    id: UUID | None = None


def off_board(
    session: Session, scope: Scope, user_id: UserId, plan: Plan, *, dry_run: bool
) -> Result:
    """Off-board a user. Their account stays, suspended, so that past records keep their names.

    A second call ends what is left and hands over what is left by the new plan. Raises `BadInput`.
    """
    policy_version.hold(session)
    users_commands.held(session, scope, user_id, None)
    if user_id == scope.actor.user_id:
        raise BadInput(
            "userId is yourself; another administrator has to off-board you.",
            "不能为自己办理离职，请由他人操作。",
            field="userId",
        )
    _refuse_wrong(session, plan, Kind.LEAVES, user_id)
    ended = store.holdings(session, user_id)
    if dry_run:
        return Result(user_id, Kind.LEAVES, ended)
    actor = UserId(scope.actor.user_id)
    plan_body = domain.fact_body(plan, _heads(session, but=user_id))
    sessions.end_all(session, user_id, Ending.SUSPENDED)
    keys.revoke_all(session, user_id)
    delegations.end_all(session, user_id, actor)
    emergencies.end_all(session, user_id, actor)
    projects.leave_all(session, user_id)
    store.remove_head(session, user_id)
    store.remove_lead(session, user_id)
    users.change(
        session,
        user_id,
        status=Status.SUSPENDED.value,
        password_hash=None,
        left_at=func.coalesce(users.user.c.left_at, func.now()),
    )
    users.give_roles(session, user_id, (), {})
    directory.leave_groups(session, user_id)
    lockout.refuse_lockout(session, scope.actor, field="userId")
    id = store.add(session, user_id, Kind.LEAVES, plan_body, ended, actor)
    result = Result(user_id, Kind.LEAVES, ended, id)
    _record(session, scope, facts.USER_OFF_BOARDED, result, plan_body, action="off_board")
    return result


def change_job(
    session: Session,
    scope: Scope,
    user_id: UserId,
    department: DepartmentId | None,
    roles: Sequence[str] | None,
    plan: Plan,
    *,
    dry_run: bool,
) -> Result:
    """Move a user to another department, perhaps to other roles.

    The customers of the old department go to others by the plan, or stay with the user. Delegations
    and emergency accesses end. Raises `BadInput`.
    """
    policy_version.hold(session)
    present = users_commands.held(session, scope, user_id, None)
    if department == present.department:
        raise BadInput(
            "departmentId is the present department of the user; choose another one.",
            "departmentId 与现部门相同，请选择其他部门。",
            field="departmentId",
        )
    _refuse_wrong(session, plan, Kind.CHANGES_JOB, user_id)
    held = store.holdings(session, user_id)
    ended = Holdings(0, 0, held.delegations, held.emergency_accesses, 0, 0, held.heads)
    if dry_run:
        return Result(user_id, Kind.CHANGES_JOB, ended)
    actor = UserId(scope.actor.user_id)
    plan_body = domain.fact_body(plan, _heads(session, but=user_id))
    plan_body |= {"from": _text(present.department), "into": _text(department)}
    delegations.end_all(session, user_id, actor)
    emergencies.end_all(session, user_id, actor)
    store.remove_head(session, user_id)
    change = Change(department=department, roles=tuple(roles) if roles is not None else None)
    users_commands.update_user(session, scope, user_id, change, None)
    id = store.add(session, user_id, Kind.CHANGES_JOB, plan_body, ended, actor)
    result = Result(user_id, Kind.CHANGES_JOB, ended, id)
    _record(session, scope, facts.USER_TRANSFERRED, result, plan_body, action="change_job")
    return result


def _refuse_wrong(session: Session, plan: Plan, kind: Kind, user_id: UserId) -> None:
    domain.refuse_wrong(plan, kind, user_id)
    working = frozenset(
        id
        for id in plan.people
        if (about := users.about(session, id))
        and about.works_here
        and about.kind is UserKind.PERSON
    )
    domain.refuse_inactive(sorted(plan.people), working)
    for id, _ in plan.departments:
        if departments.depth(session, id) == 0:
            raise BadInput(
                f"handover names {id}, which is no department; correct it.",
                f"handover 中的 {id} 不是部门，请更正。",
                field="handover",
            )


def _heads(session: Session, *, but: UserId) -> dict[DepartmentId, UserId]:
    """Return the heads who can take over: they work here and are not the user who leaves."""
    heads = store.heads(session)
    working = {
        head
        for head in set(heads.values()) - {but}
        if (about := users.about(session, head)) and about.works_here
    }
    return {id: head for id, head in heads.items() if head in working}


def _record(
    session: Session,
    scope: Scope,
    fact_type: FactType,
    result: Result,
    plan: dict[str, Any],
    *,
    action: str,
) -> None:
    counts = asdict(result.ended).items()
    changes = {kind: [str(count), "0"] for kind, count in counts if count}
    entry = audit.Entry(scope.actor, action, "User", str(result.user), changes)
    version = policy_version.record_change(session, "user", entry)
    body = {
        "off_boarding": str(result.id),
        "user": str(result.user),
        "by": str(scope.actor.user_id),
        "plan": plan,
        "policy_version": version,
    }
    record(session, fact_type.about(result.user, body))


def _text(id: DepartmentId | None) -> str | None:
    return str(id) if id else None
