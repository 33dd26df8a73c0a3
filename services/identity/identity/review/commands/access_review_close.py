"""Close an access review: revoked grants are removed, and everything goes on record."""

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
from identity.policy.commands.changeset_draft import RuleEdit, create_changeset
from identity.policy.commands.publication import publish_changeset
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
"""The grant was removed by another user meanwhile."""


@dataclass(frozen=True, slots=True)
class Closing:
    """What closing did, or in a dry run would do."""

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
    """Remove the revoked roles and draft a changeset of the revoked rules, all or nothing.

    The changeset is published at once unless `review` of changes is required. `undecided` settles
    items without a decision after the due date. Raises `NotFound`, `Conflict`, `Denied`, and
    `BadInput` if no user could change the policy afterwards.
    """
    _refuse_powerless(scope)
    present = opened(session, id, expected)
    items = _decided(session, present, undecided)
    revoked = [row for row in items if row.decision is ReviewDecision.REVOKE]
    outcomes = _outcomes(session, items, review=review)
    losers = tuple(sorted({row.user for row in revoked if outcomes[row.id] == REMOVED}))
    counted = Counter(outcomes.values())
    if dry_run:
        return Closing(counted, losers, None, None)
    policy_version.hold(session)
    if undecided is not None:
        store.settle(session, id, undecided)
    changeset_id = _draft_changeset(session, scope, present, revoked, outcomes, review=review)
    version = _remove_roles(session, scope, revoked, outcomes)
    closed = [replace(row, outcome=outcomes[row.id]) for row in items]
    for outcome in counted:
        ids = [row.id for row in closed if row.outcome == outcome]
        store.change_items(session, ids, {"outcome": outcome})
    text = report(closed)
    store.change(
        session,
        id,
        status=ReviewStatus.CLOSED.value,
        closed_by=scope.actor.user_id,
        closed_at=func.now(),
        changeset_id=changeset_id,
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
    return Closing(counted, losers, changeset_id, version)


def _refuse_powerless(scope: Scope) -> None:
    """Raise `Denied` without the rights to change users, roles and rules, which closing does."""
    for object in ("User", "Role", "Rule"):
        if not scope.may(object, "update"):
            raise Denied(
                f"Closing a review removes rights, which needs the right to update {object}.",
                f"结束审查会收回权限，需要 {object} 的 update 权限。",
                coordinate=object,
                action="update",
            )


def _decided(
    session: Session, present: ReviewRow, undecided: ReviewDecision | None
) -> list[ItemRow]:
    """Return all items with a decision.

    Before the due date all reviewers must have decided and signed off; after it `undecided` settles
    the rest. Raises `Conflict`.
    """
    items = store.all_items(session, present.id)
    waiting = [row for row in items if row.decision is None]
    unsigned = store.unsigned(session, present.id)
    if not waiting and not unsigned:
        return items
    now: datetime = session.execute(select(func.now())).scalar_one()
    if undecided is None or now < present.due_at:
        raise Conflict(
            f"{len(waiting)} items are undecided and {len(unsigned)} reviewers have not signed "
            "off. After the due date set `undecided` to settle them.",
            f"还有 {len(waiting)} 项未决定、{len(unsigned)} 位审查人未签核；到期后可用 undecided "
            "统一处理。",
            field="undecided",
            version=present.version,
        )
    return [replace(row, decision=row.decision or undecided) for row in items]


def _outcomes(session: Session, items: Sequence[ItemRow], *, review: bool) -> dict[UUID, str]:
    """Return the outcome of each item by its id, under the present roles and rules."""
    direct_roles = users.roles_by_hand(session, [row.user for row in items])
    present = rules.everything(session)
    outcomes: dict[UUID, str] = {}
    for row in items:
        if row.decision is not ReviewDecision.REVOKE:
            outcomes[row.id] = KEPT
        elif row.kind is ReviewKind.DIRECTORY_ROLE:
            outcomes[row.id] = IN_DIRECTORY
        elif row.kind is ReviewKind.ROLE:
            outcomes[row.id] = REMOVED if row.name in direct_roles.get(row.user, ()) else GONE
        elif row.rule is None or RuleId(row.rule) not in present:
            outcomes[row.id] = GONE
        else:
            outcomes[row.id] = IN_CHANGESET if review else REMOVED
    return outcomes


def _remove_roles(
    session: Session, scope: Scope, revoked: Sequence[ItemRow], outcomes: Mapping[UUID, str]
) -> int | None:
    """Remove the revoked roles under one policy version and return it; `None`: there are none.

    Raises `BadInput` if no user could change the policy afterwards.
    """
    lost: dict[UserId, set[str]] = defaultdict(set)
    for row in revoked:
        if row.kind is ReviewKind.ROLE and outcomes[row.id] == REMOVED:
            lost[row.user].add(row.name)
    if not lost:
        return None
    role_ids = roles.names(session)
    direct_roles = users.roles_by_hand(session, list(lost))
    for user, names in lost.items():
        users.give_roles(session, user, sorted(set(direct_roles[user]) - names), role_ids)
        users.change(session, user)
    lockout.refuse_lockout(session, scope.actor, field="id")
    version = policy_version.count_up(session, "user")
    for user, names in lost.items():
        before = sorted(direct_roles[user])
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


def _draft_changeset(
    session: Session,
    scope: Scope,
    present: ReviewRow,
    revoked: Sequence[ItemRow],
    outcomes: Mapping[UUID, str],
    *,
    review: bool,
) -> ChangesetId | None:
    edits = [
        RuleEdit(RuleId(row.rule), None)
        for row in revoked
        if row.rule is not None and outcomes[row.id] in (REMOVED, IN_CHANGESET)
    ]
    if not edits:
        return None
    reason = f"Access review {present.id}"
    id = create_changeset(session, scope, present.title, reason, edits)
    if not review:
        publish_changeset(session, scope, id, 1, review=False)
    return id
