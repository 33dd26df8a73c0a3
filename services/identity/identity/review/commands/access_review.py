"""An access review from its beginning to its report: who looks at whose rights, keeps or revokes them."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from chassis.actor import Actor
from chassis.audit import events as audit
from chassis.errors import BadInput, Conflict, Denied, LimitExceeded, NotFound
from chassis.facts.outbox import record
from chassis.idempotency import run_idempotent
from chassis.policy.compiling import compile_rules
from chassis.policy.rules import Member, Snapshot, subtree
from chassis.policy.scope import Scope
from identity.core.domain import facts
from identity.core.domain.ids import AccessReviewId, AccessReviewItemId, DepartmentId, UserId
from identity.core.domain.text import optional, required
from identity.core.domain.version import refuse_stale
from identity.core.store import policy as policies
from identity.ledger.store import right_use
from identity.people.store import user as users
from identity.policy.store import rule as rules
from identity.review import domain, store
from identity.review.domain import Given, ReviewDecision, ReviewStatus
from identity.review.store import ItemRow, ReviewRow

OBJECT = "AccessReview"


@dataclass(frozen=True, slots=True)
class Reach:
    """Whose rights are looked at; nothing said: everybody's."""

    users: tuple[UUID, ...] = ()
    department: DepartmentId | None = None
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be reviewed, until when."""

    title: str
    days: int
    due_at: datetime
    reach: Reach
    reviewer: UserId | None


def preview(session: Session, reach: Reach, days: int) -> list[Given]:
    """What a review of these people would look at, what nobody would miss first."""
    snapshot = policies.snapshot(session)
    found = _given(session, snapshot, _people(snapshot, reach), days)
    return sorted(found, key=lambda one: (one.only_here_used > 0, one.last_used is not None))


def begin(
    session: Session, actor: Actor | None, plan: Plan, version: int | None, key: str | None = None
) -> AccessReviewId:
    """Opens a review and gives every item to a reviewer. Without an actor the calendar asks."""

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
        raise BadInput("dueAt is over already.", "dueAt 已经过去。", field="dueAt")
    snapshot = policies.snapshot(session)
    given = _given(session, snapshot, _people(snapshot, plan.reach), plan.days)
    if not given:
        raise BadInput(
            "Nobody who is asked about has any rights to look at.",
            "所选范围内没有可审查的权限。",
            field="users",
        )
    if len(given) > domain.MOST_ITEMS:
        raise LimitExceeded(
            f"There are {len(given)} items; one review has at most {domain.MOST_ITEMS}.",
            f"共有 {len(given)} 项，单次审查最多 {domain.MOST_ITEMS} 项，请分部门进行。",
            field="users",
        )
    candidates = _reviewers(snapshot)
    otherwise = plan.reviewer or (actor.user_id if actor else None)
    if otherwise is not None:
        _refuse_reviewer(snapshot, otherwise)
    id = store.add(
        session,
        title=title,
        days=plan.days,
        due_at=plan.due_at,
        by=actor.user_id if actor else None,
    )
    to_whom = {
        one.user: domain.reviewer_of(snapshot, one.user, candidates, otherwise) for one in given
    }
    store.add_items(session, id, [(one, to_whom[one.user]) for one in given])
    changes = {"items": [None, len(given)], "due": [None, plan.due_at.isoformat()]}
    _tell(session, actor, "create", str(id), changes, version)
    for reviewer in sorted({one for one in to_whom.values() if one is not None}):
        record(session, facts.ACCESS_REVIEW_REQUESTED.about(id, {"reviewer": str(reviewer)}))
    return id


def begin_if_due(session: Session, months: int, due_days: int) -> AccessReviewId | None:
    """The regular review, if the last one is that long ago; the items nobody in the departments may
    decide wait until somebody gives them to a reviewer."""
    store.hold_schedule(session)
    last = store.newest(session)
    now: datetime = session.execute(select(func.now())).scalar_one()
    if last is not None and now - last < timedelta(days=months * 365.25 / 12):
        return None
    title = f"Access review {now:%Y-%m}"
    plan = Plan(title, 90, now + timedelta(days=due_days), Reach(), None)
    return begin(session, None, plan, policies.version(session))


def decide(
    session: Session,
    actor: Actor,
    id: AccessReviewId,
    items: Sequence[AccessReviewItemId],
    decision: ReviewDecision,
    note: str,
    version: int,
) -> AccessReviewId:
    """A reviewer's word on some of their items; it may change until the review is closed. To keep
    what nobody used takes a reason."""
    _open(session, id)
    words = optional(note, field="note", longest=domain.LONGEST_NOTE)
    found = store.items_locked(session, id, items)
    if len(found) != len(set(items)) or any(one.reviewer != actor.user_id for one in found):
        raise NotFound(
            "Some of these items are not in this review, or not yours to decide.",
            "部分条目不在该审查中，或不由您审查。",
            field="itemIds",
        )
    unused = [one for one in found if one.only_here_used == 0]
    if decision is ReviewDecision.KEEP and unused and not words:
        raise BadInput(
            f"{len(unused)} of these were not used in the period; say in note why they stay.",
            f"其中 {len(unused)} 项在审查期内未被使用，保留请在 note 中说明理由。",
            field="note",
        )
    values = {
        "decision": decision.value,
        "note": words,
        "decided_by": actor.user_id,
        "decided_at": func.now(),
    }
    store.change_items(session, [one.id for one in found], values)
    store.unsign(session, id, [actor.user_id])
    for one in found:
        before = one.decision.value if one.decision else None
        changes = {"decision": [before, decision.value], "what": [None, one.what]}
        _tell(session, actor, "decide", str(one.user), changes, version)
    return id


def sign_off(session: Session, actor: Actor, id: AccessReviewId, version: int) -> AccessReviewId:
    """A reviewer says that all their items are decided as they mean it."""
    _open(session, id)
    mine = store.progress(session, actor.user_id, id)
    if mine.items == 0:
        raise NotFound("You review nothing here.", "您在该审查中没有待审条目。", field="id")
    if mine.open:
        raise Conflict(
            f"{mine.open} of your {mine.items} items are not decided yet.",
            f"您的 {mine.items} 项中还有 {mine.open} 项未决定。",
            field="id",
        )
    store.sign(session, id, UserId(actor.user_id))
    changes = {"kept": [None, mine.kept], "revoked": [None, mine.revoked]}
    _tell(session, actor, "sign_off", str(id), changes, version)
    record(session, facts.ACCESS_REVIEW_SIGNED_OFF.about(id, {"reviewer": str(actor.user_id)}))
    return id


def reassign(
    session: Session,
    scope: Scope,
    id: AccessReviewId,
    items: Sequence[AccessReviewItemId],
    reviewer: UserId,
) -> AccessReviewId:
    """Gives items to another reviewer; what was decided about them is decided anew."""
    _open(session, id)
    found = store.items_locked(session, id, items)
    if len(found) != len(set(items)):
        raise NotFound(
            "Some of these items are not in this review.",
            "部分条目不在该审查中。",
            field="itemIds",
        )
    _refuse_reviewer(policies.snapshot(session), reviewer)
    if any(one.user == reviewer for one in found):
        raise BadInput(
            "Nobody reviews their own rights.", "不能审查自己的权限。", field="reviewerId"
        )
    values = {
        "reviewer_id": reviewer,
        "decision": None,
        "note": "",
        "decided_by": None,
        "decided_at": None,
    }
    store.change_items(session, [one.id for one in found], values)
    store.unsign(session, id, [reviewer])
    changes = {"reviewer": [None, str(reviewer)], "items": [None, len(found)]}
    _tell(session, scope.actor, "reassign", str(id), changes, scope.version)
    record(session, facts.ACCESS_REVIEW_REQUESTED.about(id, {"reviewer": str(reviewer)}))
    return id


def discard(session: Session, scope: Scope, id: AccessReviewId, expected: int) -> AccessReviewId:
    """Gives a review up; nothing of it is done, it stays on record."""
    present = _open(session, id)
    refuse_stale(present.version, expected)
    store.change(session, id, status=ReviewStatus.DISCARDED.value, closed_at=func.now())
    changes = {"status": ["open", "discarded"]}
    _tell(session, scope.actor, "discard", str(id), changes, scope.version)
    record(session, facts.ACCESS_REVIEW_CLOSED.about(id, {}))
    return id


def _open(session: Session, id: AccessReviewId) -> ReviewRow:
    found = store.locked(session, id)
    if found is None:
        raise NotFound(f"No access review {id} exists.", f"未找到权限审查 {id}。", field="id")
    if found.status is not ReviewStatus.OPEN:
        raise Conflict(
            f"This review is {found.status.name}.",
            f"该权限审查状态为 {found.status.name}。",
            field="id",
            version=found.version,
        )
    return found


def opened(session: Session, id: AccessReviewId, expected: int) -> ReviewRow:
    """The review, held and still open. Raises `NotFound` and `Conflict`."""
    found = _open(session, id)
    refuse_stale(found.version, expected)
    return found


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


def _given(session: Session, snapshot: Snapshot, people: Sequence[UUID], days: int) -> list[Given]:
    by_hand = users.roles_by_hand(session, people)
    uses = right_use.since(session, people, days)
    present = {UUID(str(id)): rule for id, rule in rules.everything(session).items()}
    return [
        one
        for user in people
        for one in domain.given(snapshot, user, by_hand.get(user, ()), present, uses.get(user, {}))
    ]


def _reviewers(snapshot: Snapshot) -> Mapping[UUID, Member]:
    """Everybody who may decide."""
    return {
        id: member
        for id, member in snapshot.users.items()
        if member.active and compile_rules(snapshot, id).may(OBJECT, "decide")
    }


def _refuse_reviewer(snapshot: Snapshot, reviewer: UUID) -> None:
    member = snapshot.users.get(reviewer)
    if not (member and member.active and compile_rules(snapshot, reviewer).may(OBJECT, "decide")):
        raise Denied(
            f"User {reviewer} may not decide in access reviews: they need the right to decide "
            f"{OBJECT}.",
            f"用户 {reviewer} 没有权限审查的 decide 权限，不能作为审查人。",
            field="reviewerId",
        )


def report(items: Sequence[ItemRow]) -> str:
    """The closing report as CSV: every item, what was decided by whom, and what became of it."""
    target = io.StringIO()
    writer = csv.writer(target)
    writer.writerow(
        [
            "user",
            "kind",
            "what",
            "granted",
            "used",
            "only_here",
            "only_here_used",
            "last_used",
            "reviewer",
            "decision",
            "note",
            "decided_by",
            "decided_at",
            "outcome",
        ]
    )
    for one in items:
        cells = (
            one.user,
            one.kind.value,
            one.what,
            one.granted,
            one.used,
            one.only_here,
            one.only_here_used,
            one.last_used,
            one.reviewer,
            one.decision.value if one.decision else None,
            one.note,
            one.decided_by,
            one.decided_at.isoformat() if one.decided_at else None,
            one.outcome,
        )
        writer.writerow(domain.line(cells))
    return target.getvalue()


def digest(report: str) -> str:
    """What the ledger keeps of a report, so that a changed one is known."""
    return hashlib.sha256(report.encode()).hexdigest()


def _tell(
    session: Session,
    actor: Actor | None,
    action: str,
    resource: str,
    changes: dict[str, Any],
    version: int | None,
) -> None:
    audit.record(
        session,
        audit.Entry(actor, action, OBJECT, resource, changes=changes, policy_version=version),
    )
