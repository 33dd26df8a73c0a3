"""Changesets from the first draft to the publication, which is one version of the policy.

Publishing is the only place where rules are written: a single rule that is edited directly becomes
a changeset of one change, so the history is whole and everything can be rolled back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.orm import Session

from chassis.audit import events as audit
from chassis.errors import BadInput, Conflict, Denied, HuichiError, NotFound
from chassis.facts.outbox import record
from chassis.idempotency import run_idempotent
from chassis.policy.rules import Rule
from chassis.policy.scope import Scope
from identity.core.commands import policy_version
from identity.core.domain import facts
from identity.core.domain.ids import ChangesetId, RuleId, UserId
from identity.core.domain.text import optional, required
from identity.core.domain.version import refuse_stale
from identity.people.commands import lockout
from identity.people.domain import role as role_domain
from identity.people.store import role as roles, user as users
from identity.policy.domain import changeset as domain, policy_csv
from identity.policy.domain.changeset import EDITABLE, Change, ChangesetStatus
from identity.policy.store import changeset as store, rule as rules
from identity.policy.store.changeset import ChangesetRow


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an author wants to become of one rule: without an id a new one, without a rule none."""

    id: RuleId | None
    rule: Rule | None


def create_changeset(
    session: Session,
    scope: Scope,
    title: str,
    reason: str,
    wanted: Sequence[Wanted],
    key: str | None = None,
) -> ChangesetId:
    """Write a draft down. A repeat with the same key answers what the first one did."""

    def run() -> dict[str, Any]:
        changes = _thought_out(session, wanted)
        id = store.add(
            session,
            title=_title(title),
            reason=_reason(reason),
            changes=changes,
            author=UserId(scope.actor.user_id),
        )
        _tell(session, scope, id, "create", changes)
        return {"id": str(id)}

    request = [title, reason, *([str(one.id), domain.line(one.rule)] for one in wanted)]
    answer = run_idempotent(
        session, scope.actor.user_id, key, "createChangeset", run, request=request
    )
    return ChangesetId(UUID(answer["id"]))


def import_policy(
    session: Session,
    scope: Scope,
    title: str,
    reason: str,
    text: str,
    *,
    replace: bool,
    key: str | None = None,
) -> ChangesetId:
    """A draft that would turn the rules into those of a Casbin CSV."""

    def run() -> dict[str, Any]:
        wanted = policy_csv.read(text, roles.inheritance(session))
        found = policy_csv.changes(rules.everything(session), wanted, replace=replace)
        if not found:
            raise BadInput(
                "The rules are those of csv already; there is nothing to change.",
                "现有规则与 csv 一致，无需更改。",
                field="csv",
            )
        made = create_changeset(session, scope, title, reason, [Wanted(*one) for one in found])
        return {"id": str(made)}

    request = [title, reason, text, replace]
    answer = run_idempotent(session, scope.actor.user_id, key, "importPolicy", run, request=request)
    return ChangesetId(UUID(answer["id"]))


def update_changeset(
    session: Session,
    scope: Scope,
    id: ChangesetId,
    *,
    title: str | None,
    reason: str | None,
    wanted: Sequence[Wanted] | None,
    expected: int,
) -> ChangesetId:
    """Let a changeset say something else. It is a draft again, of whoever changed it last: a
    reviewer approves what they read and did not write."""
    present = _held(session, id, expected, EDITABLE)
    changes = present.changes if wanted is None else _thought_out(session, wanted)
    store.change(
        session,
        id,
        title=present.title if title is None else _title(title),
        reason=present.reason if reason is None else _reason(reason),
        changes=store.written(changes),
        status=ChangesetStatus.DRAFT.value,
        author_id=scope.actor.user_id,
        reviewer_id=None,
        review_note="",
    )
    _tell(session, scope, id, "update", changes if wanted is not None else ())
    return id


def submit_changeset(session: Session, scope: Scope, id: ChangesetId, expected: int) -> ChangesetId:
    """Ask a second person to look at a draft."""
    _held(session, id, expected, [ChangesetStatus.DRAFT])
    store.change(session, id, status=ChangesetStatus.IN_REVIEW.value)
    _tell(session, scope, id, "submit")
    return id


def review_changeset(
    session: Session, scope: Scope, id: ChangesetId, expected: int, *, approve: bool, note: str
) -> ChangesetId:
    """Approve a changeset, or give it back to its author with a note."""
    present = _held(session, id, expected, [ChangesetStatus.IN_REVIEW])
    if present.author == scope.actor.user_id:
        raise Denied(
            "A changeset is reviewed by another person than the one who wrote it last.",
            "变更集须由最后编写者以外的人审核。",
        )
    said = (optional if approve else required)(note, field="note", longest=domain.LONGEST_REASON)
    store.change(
        session,
        id,
        status=(ChangesetStatus.APPROVED if approve else ChangesetStatus.DRAFT).value,
        reviewer_id=scope.actor.user_id,
        review_note=said,
    )
    _tell(session, scope, id, "approve" if approve else "return")
    return id


def discard_changeset(
    session: Session, scope: Scope, id: ChangesetId, expected: int
) -> ChangesetId:
    """Give a changeset up; it stays on record."""
    _held(session, id, expected, EDITABLE)
    store.change(session, id, status=ChangesetStatus.DISCARDED.value)
    _tell(session, scope, id, "discard")
    return id


def publish_changeset(
    session: Session, scope: Scope, id: ChangesetId, expected: int, *, review: bool
) -> ChangesetId:
    """Put a changeset into force. Where `review` is asked for, only an approved one."""
    policy_version.hold(session)
    present = _held(session, id, expected, EDITABLE)
    waits = review or present.status is ChangesetStatus.IN_REVIEW
    if waits and present.status is not ChangesetStatus.APPROVED:
        raise Conflict(
            "This changeset waits for a second person: submitChangeset, then approveChangeset.",
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
    """A new changeset that restores what the rules said before this one; published at once if
    that is wished and no review is asked for."""

    def run() -> dict[str, Any]:
        policy_version.hold(session)
        present = _present(session, id)
        if present.status is not ChangesetStatus.PUBLISHED:
            raise Conflict(
                "Only a published changeset can be rolled back; discard this one instead.",
                "只有已发布的变更集可以回滚，未发布的请直接作废。",
                version=present.version,
            )
        if publish and review:
            raise refused_without_review()
        changes = domain.inverse(present.changes)
        domain.applied(rules.everything(session), changes)
        made = store.add(
            session,
            title=f"Roll back: {present.title}"[: domain.LONGEST_TITLE],
            reason=_reason(reason),
            changes=changes,
            author=UserId(scope.actor.user_id),
            restores=id,
        )
        _tell(session, scope, made, "create", changes)
        if publish:
            _publish(session, scope, made, changes, field="id")
        return {"id": str(made)}

    request = [str(id), reason, publish]
    answer = run_idempotent(
        session, scope.actor.user_id, key, "rollBackChangeset", run, request=request
    )
    return ChangesetId(UUID(answer["id"]))


def publish_at_once(
    session: Session, scope: Scope, title: str, change: Change, *, field: str
) -> tuple[RuleId, int]:
    """One change as a changeset of its own, drafted and published in one go. The caller holds the
    policy. Returns the rule's id and the policy's version."""
    if change.after is not None:
        refuse_unknown_subject(session, change.after)
    id = store.add(
        session, title=title, reason="", changes=[change], author=UserId(scope.actor.user_id)
    )
    (done,), version = _publish(session, scope, id, [change], field=field, what="rule")
    assert done.rule is not None
    return done.rule, version


def refused_without_review() -> Denied:
    """What a way around the review is answered with."""
    return Denied(
        "Here every change of the policy is reviewed by a second person: use createChangeset and "
        "submitChangeset.",
        "此处的权限策略变更须经第二人审核，请使用 createChangeset 与 submitChangeset。",
    )


def refuse_unknown_subject(session: Session, wanted: Rule) -> None:
    """Raise `BadInput` for a rule about a role or a user that does not exist."""
    kind, _, name = wanted.subject.partition(":")
    if kind == "role":
        role_domain.refuse_unknown([name], list(roles.names(session)), field="subject")
        return
    try:
        known = users.exists(session, UUID(name)) and name == str(UUID(name))
    except ValueError:
        known = False
    if not known:
        raise BadInput(
            f"subject names user {name!r}, who does not exist; write user:<id of a user>.",
            f"subject 中的用户 {name!r} 不存在，格式应为 user:用户编号。",
            field="subject",
        )


@contextmanager
def within(path: str) -> Iterator[None]:
    """Names the field of a problem by where it stands in a longer input."""
    try:
        yield
    except HuichiError as problem:
        field = f"{path}.{problem.field}" if problem.field else path
        raise type(problem)(problem.en, problem.zh, field=field, **problem.extra) from problem


def _thought_out(session: Session, wanted: Sequence[Wanted]) -> tuple[Change, ...]:
    """The changes with what the rules say now, refused if they could not be published."""
    domain.refuse_wrong_size(wanted)
    present = rules.everything(session)
    changes: list[Change] = []
    for index, one in enumerate(wanted):
        with within(f"changes.{index}"):
            changes.append(_change(session, present, one))
    domain.refuse_repeats(changes)
    domain.applied(present, changes)
    return tuple(changes)


def _change(session: Session, present: dict[RuleId, Rule], one: Wanted) -> Change:
    if one.id is not None and one.id not in present:
        raise NotFound(f"No rule {one.id} exists.", f"未找到规则 {one.id}。", field="ruleId")
    change = Change(one.id, present[one.id] if one.id else None, one.rule)
    if change.idle:
        raise BadInput(
            "This changes nothing: give a rule, a ruleId, or a ruleId with another rule.",
            "此项没有任何更改：请提供 rule、ruleId，或 ruleId 与不同的 rule。",
        )
    if one.rule is not None:
        with within("rule"):
            refuse_unknown_subject(session, one.rule)
    return change


def _publish(
    session: Session,
    scope: Scope,
    id: ChangesetId,
    changes: Sequence[Change],
    *,
    field: str,
    what: str = "changeset",
) -> tuple[tuple[Change, ...], int]:
    """Writes the rules, looks whether somebody could still change them, counts one version up."""
    for one in changes:
        if one.after is not None:
            refuse_unknown_subject(session, one.after)
    domain.applied(rules.everything(session), changes)
    # All that changes leaves before anything comes: two rules may take each other's place.
    rules.remove_all(session, [one.rule for one in changes if one.rule])
    made = [
        rules.add(session, one.after, one.rule) for one in changes if one.after and not one.rule
    ]
    for one in changes:
        if one.rule and one.after:
            rules.add(session, one.after, one.rule)
    lockout.refuse_lockout(session, scope.actor, field=field)
    version = policy_version.count_up(session, what)
    done = domain.numbered(changes, made)
    store.change(
        session,
        id,
        status=ChangesetStatus.PUBLISHED.value,
        changes=store.written(done),
        policy_version=version,
        published_at=func.now(),
        published_by=scope.actor.user_id,
    )
    for one in done:
        action = "create" if one.before is None else "delete" if one.after is None else "update"
        audit.record(
            session,
            audit.Entry(
                scope.actor,
                action,
                "Rule",
                str(one.rule),
                changes={"rule": [domain.line(one.before), domain.line(one.after)]},
                policy_version=version,
            ),
        )
    _tell(session, scope, id, "publish", version=version)
    return done, version


def _present(session: Session, id: ChangesetId) -> ChangesetRow:
    found = store.locked(session, id)
    if found is None:
        raise NotFound(f"No changeset {id} exists.", f"未找到变更集 {id}。", field="id")
    return found


def _held(
    session: Session, id: ChangesetId, expected: int, allowed: Iterable[ChangesetStatus]
) -> ChangesetRow:
    """The changeset, ours until the transaction ends; refused if it is past what is asked."""
    found = _present(session, id)
    refuse_stale(found.version, expected)
    if found.status not in allowed:
        states = ", ".join(status.name for status in allowed)
        raise Conflict(
            f"This changeset is {found.status.name}; for this it must be {states}.",
            f"该变更集的状态为 {found.status.name}，此操作要求：{states}。",
            version=found.version,
        )
    return found


def _title(text: str) -> str:
    return required(text, field="title", longest=domain.LONGEST_TITLE)


def _reason(text: str) -> str:
    return optional(text, field="reason", longest=domain.LONGEST_REASON)


def _tell(
    session: Session,
    scope: Scope,
    id: ChangesetId,
    action: str,
    changes: Sequence[Change] = (),
    *,
    version: int | None = None,
) -> None:
    author = _present(session, id).author
    record(session, facts.CHANGESET_CHANGED.about(id, {"action": action, "user": str(author)}))
    audit.record(
        session,
        audit.Entry(
            scope.actor,
            action,
            "Changeset",
            str(id),
            changes={
                f"changes.{index}": [domain.line(one.before), domain.line(one.after)]
                for index, one in enumerate(changes)
            },
            policy_version=version,
        ),
    )
