"""Begin an access review: select users, collect their grants, assign reviewers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from chassis.actor import Actor
from chassis.errors import BadInput, LimitExceeded, NotFound
from chassis.facts.outbox import record
from chassis.idempotency import run_idempotent
from chassis.policy.compiling import compile_rules
from chassis.policy.rules import Member, Snapshot, subtree
from identity.core.domain import facts
from identity.core.domain.ids import AccessReviewId, DepartmentId, UserId
from identity.core.domain.text import required
from identity.core.store import policy as policies
from identity.ledger.store import right_use
from identity.people.store import user as users
from identity.policy.store import rule as rules
from identity.review import domain, store
from identity.review.commands.access_review import OBJECT, record_audit, refuse_reviewer
from identity.review.domain import Grant


@dataclass(frozen=True, slots=True)
class Reach:
    """The users whose rights are reviewed; an empty condition sets no limit."""

    users: tuple[UUID, ...] = ()
    department: DepartmentId | None = None
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What is reviewed, by default by whom, and until when."""

    title: str
    days: int
    due_at: datetime
    reach: Reach
    reviewer: UserId | None


def preview(session: Session, reach: Reach, days: int) -> list[Grant]:
    """Return the grants that a review would have, those that would not be missed first."""
    snapshot = policies.snapshot(session)
    grants = _grants(session, snapshot, _people(snapshot, reach), days)
    return sorted(grants, key=lambda grant: (grant.only_here_used > 0, grant.last_used is not None))


def begin(
    session: Session, actor: Actor | None, plan: Plan, version: int | None, key: str | None = None
) -> AccessReviewId:
    """Open a review with a reviewer for every item, and return its id.

    `actor` is `None` for a scheduled review. Raises `BadInput`, `LimitExceeded`, `NotFound`, and
    `Denied` for a reviewer without the right to decide.
    """

    def run() -> dict[str, Any]:
        return {"id": str(_begin(session, actor, plan, version))}

    if actor is None:
        return AccessReviewId(UUID(run()["id"]))
    reach = plan.reach
    request = [plan.title, plan.days, plan.due_at, reach.users, reach.department, reach.roles]
    answer = run_idempotent(session, actor.user_id, key, "createAccessReview", run, request=request)
    return AccessReviewId(UUID(answer["id"]))


def _begin(
    session: Session, actor: Actor | None, plan: Plan, version: int | None
) -> AccessReviewId:
    title = required(plan.title, field="title", longest=domain.LONGEST_TITLE)
    now: datetime = session.execute(select(func.now())).scalar_one()
    if plan.due_at <= now:
        raise BadInput(
            "dueAt is in the past; choose a moment of the future.",
            "dueAt 已过去，请选择将来的时间。",
            field="dueAt",
        )
    snapshot = policies.snapshot(session)
    grants = _grants(session, snapshot, _people(snapshot, plan.reach), plan.days)
    if not grants:
        raise BadInput(
            "The selected users have no rights to review; select others.",
            "所选范围内没有可审查的权限，请重新选择。",
            field="users",
        )
    if len(grants) > domain.MOST_ITEMS:
        raise LimitExceeded(
            f"The review would have {len(grants)} items; at most {domain.MOST_ITEMS} are allowed. "
            "Review departments one by one.",
            f"共有 {len(grants)} 项，单次审查最多 {domain.MOST_ITEMS} 项，请分部门进行。",
            field="users",
        )
    candidates = _reviewers(snapshot)
    otherwise = plan.reviewer or (actor.user_id if actor else None)
    if otherwise is not None:
        refuse_reviewer(snapshot, otherwise)
    id = store.add(
        session,
        title=title,
        days=plan.days,
        due_at=plan.due_at,
        created_by=actor.user_id if actor else None,
    )
    reviewers = {
        grant.user: domain.reviewer_of(snapshot, grant.user, candidates, otherwise)
        for grant in grants
    }
    store.add_items(session, id, [(grant, reviewers[grant.user]) for grant in grants])
    changes = {"items": [None, len(grants)], "due": [None, plan.due_at.isoformat()]}
    record_audit(session, actor, "create", str(id), changes, version)
    for reviewer in sorted({id for id in reviewers.values() if id is not None}):
        record(session, facts.ACCESS_REVIEW_REQUESTED.about(id, {"reviewer": str(reviewer)}))
    return id


def begin_if_due(session: Session, months: int, due_days: int) -> AccessReviewId | None:
    """Begin the regular review if the last one is that long ago; return its id.

    Items without a reviewer in the departments wait until an administrator assigns them.
    """
    store.hold_schedule(session)
    last = store.newest(session)
    now: datetime = session.execute(select(func.now())).scalar_one()
    if last is not None and now - last < timedelta(days=months * 365.25 / 12):
        return None
    title = f"Access review {now:%Y-%m}"
    plan = Plan(title, 90, now + timedelta(days=due_days), Reach(), None)
    return begin(session, None, plan, policies.version(session))


def _people(snapshot: Snapshot, reach: Reach) -> list[UUID]:
    below = subtree(snapshot, reach.department) if reach.department else None
    for index, user in enumerate(reach.users):
        if user not in snapshot.users:
            raise NotFound(
                f"No user {user} exists.", f"未找到用户 {user}。", field=f"users.{index}"
            )
    return [
        id
        for id, member in sorted(snapshot.users.items())
        if member.active
        and (not reach.users or id in reach.users)
        and (below is None or member.department in below)
        and (not reach.roles or set(reach.roles) & set(member.roles))
    ]


def _grants(session: Session, snapshot: Snapshot, people: Sequence[UUID], days: int) -> list[Grant]:
    direct_roles = users.roles_by_hand(session, people)
    uses = right_use.since(session, people, days)
    present = {UUID(str(id)): rule for id, rule in rules.everything(session).items()}
    return [
        grant
        for user in people
        for grant in domain.grants_of(
            snapshot, user, direct_roles.get(user, ()), present, uses.get(user, {})
        )
    ]


def _reviewers(snapshot: Snapshot) -> Mapping[UUID, Member]:
    """Return the active users who may decide."""
    return {
        id: member
        for id, member in snapshot.users.items()
        if member.active and compile_rules(snapshot, id).may(OBJECT, "decide")
    }
