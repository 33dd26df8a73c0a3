"""The end of an access review: what was revoked is taken away, and all of it goes on record."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from chassis.audit import events as audit
from chassis.errors import Conflict, Denied
from chassis.facts.outbox import record
from chassis.policy.scope import Scope
from identity.core.commands import policy_version
from identity.core.domain import facts
from identity.core.domain.ids import AccessReviewId, ChangesetId, RuleId, UserId
from identity.people.commands import lockout
from identity.people.store import role as roles, user as users
from identity.policy.commands import changeset as changesets
from identity.policy.commands.changeset import Wanted
from identity.policy.store import rule as rules
from identity.review import store
from identity.review.commands.access_review import OBJECT, digest, opened, report
from identity.review.domain import ReviewDecision, ReviewKind, ReviewStatus
from identity.review.store import ItemRow, ReviewRow

KEPT = "KEPT"
REMOVED = "REMOVED"
IN_CHANGESET = "IN_CHANGESET"
IN_DIRECTORY = "IN_DIRECTORY"
GONE = "GONE"
"""Somebody else took it away meanwhile."""


@dataclass(frozen=True, slots=True)
class Closing:
    """What closing did, or would do."""

    outcomes: Mapping[str, int]
    users: tuple[UserId, ...]
    changeset: ChangesetId | None
    policy_version: int | None


def close(
    session: Session,
    scope: Scope,
    id: AccessReviewId,
    expected: int,
    *,
    undecided: ReviewDecision | None,
    review: bool,
    dry_run: bool,
) -> Closing:
    """Takes the revoked roles away and drafts a changeset of the revoked rules, which is published
    at once unless changes are reviewed here. All or nothing."""
    _refuse_powerless(scope)
    present = opened(session, id, expected)
    items = _decided(session, present, undecided)
    revoked = [one for one in items if one.decision is ReviewDecision.REVOKE]
    fate = _fate(session, items, review=review)
    losers = tuple(sorted({one.user for one in revoked if fate[one.id] == REMOVED}))
    counted = Counter(fate.values())
    if dry_run:
        return Closing(counted, losers, None, None)
    policy_version.hold(session)
    if undecided is not None:
        store.settle(session, id, undecided)
    made = _changeset(session, scope, present, revoked, fate, review=review)
    version = _take_roles(session, scope, revoked, fate)
    done = [replace(one, outcome=fate[one.id]) for one in items]
    for outcome in counted:
        among = [one.id for one in done if one.outcome == outcome]
        store.change_items(session, among, {"outcome": outcome})
    text = report(done)
    store.change(
        session,
        id,
        status=ReviewStatus.CLOSED.value,
        closed_by=scope.actor.user_id,
        closed_at=func.now(),
        changeset_id=made,
        report=text,
    )
    changes = {"status": ["open", "closed"], "report_sha256": [None, digest(text)]}
    changes |= {outcome.lower(): [None, str(count)] for outcome, count in counted.items()}
    audit.record(
        session,
        audit.Entry(
            scope.actor,
            "close",
            OBJECT,
            str(id),
            changes=changes,
            policy_version=version or scope.version,
        ),
    )
    record(session, facts.ACCESS_REVIEW_CLOSED.about(id, {}))
    return Closing(counted, losers, made, version)


def _refuse_powerless(scope: Scope) -> None:
    """Closing changes users and rules, so it takes what changing them takes."""
    for object in ("User", "Role", "Rule"):
        if not scope.may(object, "update"):
            raise Denied(
                f"Closing takes rights away, which needs the right to update {object}.",
                f"结束审查会收回权限，需要 {object} 的 update 权限。",
                coordinate=object,
                action="update",
            )


def _decided(
    session: Session, present: ReviewRow, undecided: ReviewDecision | None
) -> list[ItemRow]:
    """All items with a decision. Before the due date everybody must have decided and signed; after
    it the rest may be settled by one word."""
    items = store.all_items(session, present.id)
    waiting = [one for one in items if one.decision is None]
    unsigned = store.unsigned(session, present.id)
    if not waiting and not unsigned:
        return items
    now: datetime = session.execute(select(func.now())).scalar_one()
    if undecided is None or now < present.due_at:
        raise Conflict(
            f"{len(waiting)} items are undecided and {len(unsigned)} reviewers have not signed off. "
            "After the due date they may be settled with `undecided`.",
            f"还有 {len(waiting)} 项未决定、{len(unsigned)} 位审查人未签核；到期后可用 undecided 统一处理。",
            field="undecided",
            version=present.version,
        )
    return [replace(one, decision=one.decision or undecided) for one in items]


def _fate(session: Session, items: Sequence[ItemRow], *, review: bool) -> dict[UUID, str]:
    """What becomes of each item, as things stand now."""
    by_hand = users.roles_by_hand(session, [one.user for one in items])
    present = rules.everything(session)
    found: dict[UUID, str] = {}
    for one in items:
        if one.decision is not ReviewDecision.REVOKE:
            found[one.id] = KEPT
        elif one.kind is ReviewKind.DIRECTORY_ROLE:
            found[one.id] = IN_DIRECTORY
        elif one.kind is ReviewKind.ROLE:
            found[one.id] = REMOVED if one.what in by_hand.get(one.user, ()) else GONE
        elif one.rule is None or RuleId(one.rule) not in present:
            found[one.id] = GONE
        else:
            found[one.id] = IN_CHANGESET if review else REMOVED
    return found


def _take_roles(
    session: Session, scope: Scope, revoked: Sequence[ItemRow], fate: Mapping[UUID, str]
) -> int | None:
    """One policy version for all of them. Raises `BadInput` if nobody could change it any more."""
    lost: dict[UserId, set[str]] = defaultdict(set)
    for one in revoked:
        if one.kind is ReviewKind.ROLE and fate[one.id] == REMOVED:
            lost[one.user].add(one.what)
    if not lost:
        return None
    known = roles.names(session)
    by_hand = users.roles_by_hand(session, list(lost))
    for user, names in lost.items():
        users.give_roles(session, user, sorted(set(by_hand[user]) - names), known)
        users.change(session, user)
    lockout.refuse_lockout(session, scope.actor, field="id")
    version = policy_version.count_up(session, "user")
    for user, names in lost.items():
        before = sorted(by_hand[user])
        after = sorted(set(before) - names)
        audit.record(
            session,
            audit.Entry(
                scope.actor,
                "update",
                "User",
                str(user),
                changes={"roles": [", ".join(before), ", ".join(after)]},
                policy_version=version,
            ),
        )
    return version


def _changeset(
    session: Session,
    scope: Scope,
    present: ReviewRow,
    revoked: Sequence[ItemRow],
    fate: Mapping[UUID, str],
    *,
    review: bool,
) -> ChangesetId | None:
    wanted = [
        Wanted(RuleId(one.rule), None)
        for one in revoked
        if one.rule is not None and fate[one.id] in (REMOVED, IN_CHANGESET)
    ]
    if not wanted:
        return None
    reason = f"Access review {present.id}"
    made = changesets.create_changeset(session, scope, present.title, reason, wanted)
    if not review:
        changesets.publish_changeset(session, scope, made, 1, review=False)
    return made
