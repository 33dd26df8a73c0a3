"""Decide the items of an access review, sign off, reassign or discard, and write the report."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.orm import Session

from chassis.actor import Actor
from chassis.audit import events as audit
from chassis.errors import BadInput, Conflict, Denied, NotFound
from chassis.facts.outbox import record
from chassis.policy.compiling import compile_rules
from chassis.policy.rules import Snapshot
from chassis.policy.scope import Scope
from identity.core.domain import facts
from identity.core.domain.ids import AccessReviewId, AccessReviewItemId, UserId
from identity.core.domain.text import optional
from identity.core.domain.version import refuse_stale
from identity.core.store import policy as policies
from identity.review import domain, store
from identity.review.domain import ReviewDecision, ReviewStatus
from identity.review.store import ItemRow, ReviewRow

OBJECT = "AccessReview"


def decide(
    session: Session,
    actor: Actor,
    id: AccessReviewId,
    items: Sequence[AccessReviewItemId],
    decision: ReviewDecision,
    note: str,
    version: int,
) -> AccessReviewId:
    """Store the decision of a reviewer about their items; it can change until the review is closed.

    To keep what was not used takes a note. Raises `NotFound`, `Conflict` and `BadInput`.
    """
    _open(session, id)
    accepted_note = optional(note, field="note", longest=domain.LONGEST_NOTE)
    rows = store.items_locked(session, id, items)
    if len(rows) != len(set(items)) or any(row.reviewer != actor.user_id for row in rows):
        raise NotFound(
            "itemIds has items that are not in this review or not yours to decide; remove them.",
            "itemIds 中部分条目不在该审查中，或不由您审查，请移除。",
            field="itemIds",
        )
    unused = [row for row in rows if row.only_here_used == 0]
    if decision is ReviewDecision.KEEP and unused and not accepted_note:
        raise BadInput(
            f"note is empty, and {len(unused)} of these items were not used in the period; write "
            "why they stay.",
            f"其中 {len(unused)} 项在审查期内未被使用，保留请在 note 中说明理由。",
            field="note",
        )
    values = {
        "decision": decision.value,
        "note": accepted_note,
        "decided_by": actor.user_id,
        "decided_at": func.now(),
    }
    store.change_items(session, [row.id for row in rows], values)
    store.unsign(session, id, [actor.user_id])
    for row in rows:
        before = row.decision.value if row.decision else None
        changes = {"decision": [before, decision.value], "what": [None, row.name]}
        record_audit(session, actor, "decide", str(row.user), changes, version)
    return id


def sign_off(session: Session, actor: Actor, id: AccessReviewId, version: int) -> AccessReviewId:
    """Sign off for a reviewer whose items are all decided. Raises `NotFound` and `Conflict`."""
    _open(session, id)
    mine = store.progress(session, actor.user_id, id)
    if mine.items == 0:
        raise NotFound(
            "You have no items in this review.", "您在该审查中没有待审条目。", field="id"
        )
    if mine.open:
        raise Conflict(
            f"{mine.open} of your {mine.items} items are not decided yet; decide them first.",
            f"您的 {mine.items} 项中还有 {mine.open} 项未决定，请先完成决定。",
            field="id",
        )
    store.sign(session, id, UserId(actor.user_id))
    changes = {"kept": [None, mine.kept], "revoked": [None, mine.revoked]}
    record_audit(session, actor, "sign_off", str(id), changes, version)
    record(session, facts.ACCESS_REVIEW_SIGNED_OFF.about(id, {"reviewer": str(actor.user_id)}))
    return id


def reassign(
    session: Session,
    scope: Scope,
    id: AccessReviewId,
    items: Sequence[AccessReviewItemId],
    reviewer: UserId,
) -> AccessReviewId:
    """Assign items to another reviewer, who decides them again.

    Raises `NotFound`, `Conflict`, `BadInput`, and `Denied` for a reviewer without the right.
    """
    _open(session, id)
    rows = store.items_locked(session, id, items)
    if len(rows) != len(set(items)):
        raise NotFound(
            "itemIds has items that are not in this review; remove them.",
            "itemIds 中部分条目不在该审查中，请移除。",
            field="itemIds",
        )
    refuse_reviewer(policies.snapshot(session), reviewer)
    if any(row.user == reviewer for row in rows):
        raise BadInput(
            "reviewerId is the user of one of the items; choose another reviewer.",
            "不能审查自己的权限，请选择其他审查人。",
            field="reviewerId",
        )
    values = {
        "reviewer_id": reviewer,
        "decision": None,
        "note": "",
        "decided_by": None,
        "decided_at": None,
    }
    store.change_items(session, [row.id for row in rows], values)
    store.unsign(session, id, [reviewer])
    changes = {"reviewer": [None, str(reviewer)], "items": [None, len(rows)]}
    record_audit(session, scope.actor, "reassign", str(id), changes, scope.version)
    record(session, facts.ACCESS_REVIEW_REQUESTED.about(id, {"reviewer": str(reviewer)}))
    return id


def discard(session: Session, scope: Scope, id: AccessReviewId, expected: int) -> AccessReviewId:
    """Discard a review without any effect on rights; it stays on record."""
    present = _open(session, id)
    refuse_stale(present.version, expected)
    store.change(session, id, status=ReviewStatus.DISCARDED.value, closed_at=func.now())
    changes = {"status": ["open", "discarded"]}
    record_audit(session, scope.actor, "discard", str(id), changes, scope.version)
    record(session, facts.ACCESS_REVIEW_CLOSED.about(id, {}))
    return id


def _open(session: Session, id: AccessReviewId) -> ReviewRow:
    row = store.locked(session, id)
    if row is None:
        raise NotFound(f"No access review {id} exists.", f"未找到权限审查 {id}。", field="id")
    if row.status is not ReviewStatus.OPEN:
        raise Conflict(
            f"This review is {row.status.name}; only an open one can change.",
            f"该权限审查状态为 {row.status.name}，仅进行中的审查可更改。",
            field="id",
            version=row.version,
        )
    return row


def opened(session: Session, id: AccessReviewId, expected: int) -> ReviewRow:
    """Return the open review, locked until the transaction ends.

    Raises `NotFound`, and `Conflict` for another version or state.
    """
    row = _open(session, id)
    refuse_stale(row.version, expected)
    return row


def refuse_reviewer(snapshot: Snapshot, reviewer: UUID) -> None:
    """Raise `Denied` for a user who may not decide in access reviews."""
    member = snapshot.users.get(reviewer)
    if not (member and member.active and compile_rules(snapshot, reviewer).may(OBJECT, "decide")):
        raise Denied(
            f"reviewerId {reviewer} may not decide in access reviews: the user needs the right to "
            f"decide {OBJECT}.",
            f"用户 {reviewer} 没有权限审查的 decide 权限，不能作为审查人。",
            field="reviewerId",
        )


def report(items: Sequence[ItemRow]) -> str:
    """Return the closing report as CSV: every item with its decision, reviewer and outcome."""
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
    for row in items:
        cells = (
            row.user,
            row.kind.value,
            row.name,
            row.granted,
            row.used,
            row.only_here,
            row.only_here_used,
            row.last_used,
            row.reviewer,
            row.decision.value if row.decision else None,
            row.note,
            row.decided_by,
            row.decided_at.isoformat() if row.decided_at else None,
            row.outcome,
        )
        writer.writerow(domain.line(cells))
    return target.getvalue()


def digest(report: str) -> str:
    """Return the SHA-256 of a report, by which the ledger detects a changed one."""
    return hashlib.sha256(report.encode()).hexdigest()


def record_audit(
    session: Session,
    actor: Actor | None,
    action: str,
    resource: str,
    changes: dict[str, Any],
    version: int | None,
) -> None:
    """Record an audit event of an access review."""
    audit.record(
        session,
        audit.Entry(actor, action, OBJECT, resource, changes=changes, policy_version=version),
    )
