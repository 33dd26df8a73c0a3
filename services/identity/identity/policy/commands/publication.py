"""Publish a changeset as one version of the policy, and roll a published one back.

This is the only place where rules are written: a single rule that is edited directly becomes a
changeset of one change, so the history is complete and everything can be rolled back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.orm import Session

from chassis.audit import events as audit
from chassis.errors import Conflict, Denied
from chassis.idempotency import run_idempotent
from chassis.policy.scope import Scope
from identity.core.commands import policy_version
from identity.core.domain.ids import ChangesetId, RuleId, UserId
from identity.people.commands import lockout
from identity.policy.commands.changeset import locked, locked_in, record_action
from identity.policy.commands.subject import refuse_unknown_subject
from identity.policy.domain import changeset as domain
from identity.policy.domain.changeset import EDITABLE, Change, ChangesetStatus
from identity.policy.store import changeset as store, rule as rules


def publish_changeset(
    session: Session, scope: Scope, id: ChangesetId, expected: int, *, review: bool
) -> ChangesetId:
    """Put a changeset into force; where `review` is required, only an approved one.

    Raises `NotFound`, `Conflict`, and `BadInput` if no user could change the policy afterwards.
    """
    policy_version.hold(session)
    present = locked_in(session, id, expected, EDITABLE)
    needs_approval = review or present.status is ChangesetStatus.IN_REVIEW
    if needs_approval and present.status is not ChangesetStatus.APPROVED:
        raise Conflict(
            "This changeset needs the approval of a second person: submitChangeset, then "
            "approveChangeset.",
            "该变更集须经第二人审核：请先 submitChangeset，再由他人 approveChangeset。",
            version=present.version,
        )
    _publish(session, scope, id, present.changes, field="changes")
    return id


def roll_back_changeset(
    session: Session,
    scope: Scope,
    id: ChangesetId,
    reason: str,
    *,
    publish: bool,
    review: bool,
    key: str | None = None,
) -> ChangesetId:
    """Create a changeset that restores the rules from before a published one; return its id.

    With `publish` it comes into force at once. Raises `NotFound`, `Conflict`, and `Denied` if it
    should be published where `review` is required.
    """

    def run() -> dict[str, Any]:
        policy_version.hold(session)
        present = locked(session, id)
        if present.status is not ChangesetStatus.PUBLISHED:
            raise Conflict(
                "Only a published changeset can be rolled back; discard this one instead.",
                "只有已发布的变更集可以回滚，未发布的请直接作废。",
                version=present.version,
            )
        if publish and review:
            raise review_required()
        changes = domain.inverse(present.changes)
        domain.applied(rules.everything(session), changes)
        restoring = store.add(
            session,
            title=f"Roll back: {present.title}"[: domain.LONGEST_TITLE],
            reason=domain.reason(reason),
            changes=changes,
            author=UserId(scope.actor.user_id),
            restores=id,
        )
        record_action(session, scope, restoring, "create", changes)
        if publish:
            _publish(session, scope, restoring, changes, field="id")
        return {"id": str(restoring)}

    request = [str(id), reason, publish]
    answer = run_idempotent(
        session, scope.actor.user_id, key, "rollBackChangeset", run, request=request
    )
    return ChangesetId(UUID(answer["id"]))


def publish_change(
    session: Session, scope: Scope, title: str, change: Change, *, field: str
) -> tuple[RuleId, int]:
    """Draft and publish one change as a changeset of its own.

    The caller holds the policy. Returns the rule's id and the policy's version.
    """
    if change.after is not None:
        refuse_unknown_subject(session, change.after)
    id = store.add(
        session, title=title, reason="", changes=[change], author=UserId(scope.actor.user_id)
    )
    (published,), version = _publish(session, scope, id, [change], field=field, what="rule")
    assert published.rule is not None
    return published.rule, version


def review_required() -> Denied:
    """Return the error for a change that would bypass the review by a second person."""
    return Denied(
        "Here every change of the policy is reviewed by a second person: use createChangeset and "
        "submitChangeset.",
        "此处的权限策略变更须经第二人审核，请使用 createChangeset 与 submitChangeset。",
    )


def _publish(
    session: Session,
    scope: Scope,
    id: ChangesetId,
    changes: Sequence[Change],
    *,
    field: str,
    what: str = "changeset",
) -> tuple[tuple[Change, ...], int]:
    """Write the rules and count the policy version up, unless no user could change it any more."""
    for change in changes:
        if change.after is not None:
            refuse_unknown_subject(session, change.after)
    domain.applied(rules.everything(session), changes)
    new_ids = _write_rules(session, changes)
    lockout.refuse_lockout(session, scope.actor, field=field)
    version = policy_version.count_up(session, what)
    published = domain.numbered(changes, new_ids)
    store.change(
        session,
        id,
        status=ChangesetStatus.PUBLISHED.value,
        changes=store.to_json(published),
        policy_version=version,
        published_at=func.now(),
        published_by=scope.actor.user_id,
    )
    for change in published:
        _record_rule_change(session, scope, change, version)
    record_action(session, scope, id, "publish", version=version)
    return published, version


def _write_rules(session: Session, changes: Sequence[Change]) -> list[RuleId]:
    """Write the changed rules; return the ids of the new ones.

    All changed rules are removed before any is added: two rules may take each other's place.
    """
    rules.remove_all(session, [change.rule for change in changes if change.rule])
    new_ids = [
        rules.add(session, change.after, change.rule)
        for change in changes
        if change.after and not change.rule
    ]
    for change in changes:
        if change.rule and change.after:
            rules.add(session, change.after, change.rule)
    return new_ids


def _record_rule_change(session: Session, scope: Scope, change: Change, version: int) -> None:
    action = "create" if change.before is None else "delete" if change.after is None else "update"
    audit.record(
        session,
        audit.Entry(
            scope.actor,
            action,
            "Rule",
            str(change.rule),
            changes={"rule": [domain.line(change.before), domain.line(change.after)]},
            policy_version=version,
        ),
    )
