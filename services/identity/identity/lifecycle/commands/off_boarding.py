"""Somebody leaves, or changes their job: everything that is theirs ends at once or goes to others.

What this service has ends in the same transaction. What others have (customers, tasks, exports) is
told by one fact; each hands its own over by the plan in it, batch by batch, and may be asked how far
it is.
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
class Done:
    """What ends, or ended. Without an id nothing was done."""

    user: UserId
    kind: Kind
    ended: Holdings
    id: UUID | None = None


def off_board(session: Session, scope: Scope, whose: UserId, plan: Plan, *, dry_run: bool) -> Done:
    """Shut somebody out for good. Their user stays, suspended, so that the past keeps its names.

    Done again, it ends what is left and hands over what is left by the new plan.
    """
    policy_version.hold(session)
    users_commands.held(session, scope, whose, None)
    if whose == scope.actor.user_id:
        raise BadInput(
            "userId is you; somebody else has to off-board you.",
            "不能为自己办理离职，请由他人操作。",
            field="userId",
        )
    _refuse_wrong(session, plan, Kind.LEAVES, whose)
    found = store.holdings(session, whose)
    if dry_run:
        return Done(whose, Kind.LEAVES, found)
    by = UserId(scope.actor.user_id)
    told = domain.told(plan, _heads(session, but=whose))
    sessions.end_all(session, whose, Ending.SUSPENDED)
    keys.revoke_all(session, whose)
    delegations.end_all(session, whose, by)
    emergencies.end_all(session, whose, by)
    projects.leave_all(session, whose)
    store.behead(session, whose)
    store.unlead(session, whose)
    users.change(
        session,
        whose,
        status=Status.SUSPENDED.value,
        password_hash=None,
        left_at=func.coalesce(users.user.c.left_at, func.now()),
    )
    users.give_roles(session, whose, (), {})
    directory.leave_groups(session, whose)
    lockout.refuse_lockout(session, scope.actor, field="userId")
    id = store.add(session, whose, Kind.LEAVES, told, found, by)
    _tell(session, scope, facts.USER_OFF_BOARDED, id, whose, told, found, action="off_board")
    return Done(whose, Kind.LEAVES, found, id)


def change_job(
    session: Session,
    scope: Scope,
    whose: UserId,
    department: DepartmentId | None,
    roles: Sequence[str] | None,
    plan: Plan,
    *,
    dry_run: bool,
) -> Done:
    """Move somebody to another department, perhaps to other roles; the customers of the old one go
    to others by the plan, or along. What they lent, borrowed or took for the old work ends."""
    policy_version.hold(session)
    present = users_commands.held(session, scope, whose, None)
    if department == present.department:
        raise BadInput(
            "departmentId is where they work now; choose another department.",
            "departmentId 与现部门相同，请选择其他部门。",
            field="departmentId",
        )
    _refuse_wrong(session, plan, Kind.CHANGES_JOB, whose)
    every = store.holdings(session, whose)
    found = Holdings(0, 0, every.delegations, every.emergency_accesses, 0, 0, every.heads)
    if dry_run:
        return Done(whose, Kind.CHANGES_JOB, found)
    by = UserId(scope.actor.user_id)
    told = domain.told(plan, _heads(session, but=whose))
    told |= {"from": _text(present.department), "into": _text(department)}
    delegations.end_all(session, whose, by)
    emergencies.end_all(session, whose, by)
    store.behead(session, whose)
    change = Change(department=department, roles=tuple(roles) if roles is not None else None)
    users_commands.update_user(session, scope, whose, change, None)
    id = store.add(session, whose, Kind.CHANGES_JOB, told, found, by)
    _tell(session, scope, facts.USER_TRANSFERRED, id, whose, told, found, action="change_job")
    return Done(whose, Kind.CHANGES_JOB, found, id)


def _refuse_wrong(session: Session, plan: Plan, kind: Kind, whose: UserId) -> None:
    domain.refuse_wrong(plan, kind, whose)
    working = frozenset(
        id
        for id in plan.people
        if (about := users.about(session, id))
        and about.works_here
        and about.kind is UserKind.PERSON
    )
    domain.refuse_strangers(sorted(plan.people), working)
    for id, _ in plan.departments:
        if departments.depth(session, id) == 0:
            raise BadInput(
                f"handover names {id}, which is no department.",
                f"handover 中的 {id} 不是部门。",
                field="handover",
            )


def _heads(session: Session, *, but: UserId) -> dict[DepartmentId, UserId]:
    """Heads who can take over: they work here, and do not leave."""
    found = store.heads(session)
    working = {
        head
        for head in set(found.values()) - {but}
        if (about := users.about(session, head)) and about.works_here
    }
    return {id: head for id, head in found.items() if head in working}


def _tell(
    session: Session,
    scope: Scope,
    fact_type: FactType,
    id: UUID,
    whose: UserId,
    told: dict[str, Any],
    ended: Holdings,
    *,
    action: str,
) -> None:
    version = policy_version.count_up(session, "user")
    body = {
        "off_boarding": str(id),
        "user": str(whose),
        "by": str(scope.actor.user_id),
        "plan": told,
        "policy_version": version,
    }
    record(session, fact_type.about(whose, body))
    audit.record(
        session,
        audit.Entry(
            scope.actor,
            action,
            "User",
            str(whose),
            changes={what: [str(count), "0"] for what, count in asdict(ended).items() if count},
            policy_version=version,
        ),
    )


def _text(id: DepartmentId | None) -> str | None:
    return str(id) if id else None
