"""Draft a changeset: from single edits of rules, from a CSV, or by changing an older draft."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.errors import BadInput, NotFound
from chassis.idempotency import run_idempotent
from chassis.policy.rules import Rule
from chassis.policy.scope import Scope
from identity.core.domain.ids import ChangesetId, RuleId, UserId
from identity.people.store import role as roles
from identity.policy.commands.changeset import locked_in, record_action
from identity.policy.commands.subject import refuse_unknown_subject
from identity.policy.domain import changeset as domain, policy_csv
from identity.policy.domain.changeset import EDITABLE, Change, ChangesetStatus
from identity.policy.domain.field_path import within
from identity.policy.store import changeset as store, rule as rules


@dataclass(frozen=True, slots=True)
class RuleEdit:
    """An edit of one rule: without an id it adds the rule, without a rule it removes the id."""

    id: RuleId | None
    rule: Rule | None


def create_changeset(
    session: Session,
    scope: Scope,
    title: str,
    reason: str,
    edits: Sequence[RuleEdit],
    key: str | None = None,
) -> ChangesetId:
    """Create a draft and return its id; a repeat with the same key returns the first id.

    Raises `BadInput`, `NotFound` and `Conflict` for edits that could not be published.
    """

    def run() -> dict[str, Any]:
        changes = _changes(session, edits)
        id = store.add(
            session,
            title=domain.title(title),
            reason=domain.reason(reason),
            changes=changes,
            author=UserId(scope.actor.user_id),
        )
        record_action(session, scope, id, "create", changes)
        return {"id": str(id)}

    request = [title, reason, *([str(edit.id), domain.line(edit.rule)] for edit in edits)]
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
    """Create a draft that turns the rules into those of a Casbin CSV, and return its id.

    With `replace` rules that the file does not have are removed. Raises `BadInput`, also if there
    is nothing to change.
    """

    def run() -> dict[str, Any]:
        imported = policy_csv.read(text, roles.inheritance(session))
        pairs = policy_csv.changes(rules.everything(session), imported, replace=replace)
        if not pairs:
            raise BadInput(
                "csv has the present rules; there is nothing to change.",
                "现有规则与 csv 一致，无需更改。",
                field="csv",
            )
        edits = [RuleEdit(id, rule) for id, rule in pairs]
        return {"id": str(create_changeset(session, scope, title, reason, edits))}

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
    edits: Sequence[RuleEdit] | None,
    expected: int,
) -> ChangesetId:
    """Change a changeset that is not published; `None` leaves a value as it is.

    It is a draft again, and the caller is its author: a reviewer approves what they read and did
    not write.
    """
    present = locked_in(session, id, expected, EDITABLE)
    changes = present.changes if edits is None else _changes(session, edits)
    store.change(
        session,
        id,
        title=present.title if title is None else domain.title(title),
        reason=present.reason if reason is None else domain.reason(reason),
        changes=store.to_json(changes),
        status=ChangesetStatus.DRAFT.value,
        author_id=scope.actor.user_id,
        reviewer_id=None,
        review_note="",
    )
    record_action(session, scope, id, "update", changes if edits is not None else ())
    return id


def _changes(session: Session, edits: Sequence[RuleEdit]) -> tuple[Change, ...]:
    """Return the edits with the present rules, refused if they could not be published."""
    domain.refuse_wrong_size(edits)
    present = rules.everything(session)
    changes: list[Change] = []
    for index, edit in enumerate(edits):
        with within(f"changes.{index}"):
            changes.append(_change(session, present, edit))
    domain.refuse_repeats(changes)
    domain.applied(present, changes)
    return tuple(changes)


def _change(session: Session, present: dict[RuleId, Rule], edit: RuleEdit) -> Change:
    if edit.id is not None and edit.id not in present:
        raise NotFound(f"No rule {edit.id} exists.", f"未找到规则 {edit.id}。", field="ruleId")
    change = Change(edit.id, present[edit.id] if edit.id else None, edit.rule)
    if change.idle:
        raise BadInput(
            "This changes nothing: give a rule, a ruleId, or a ruleId with another rule.",
            "此项没有任何更改：请提供 rule、ruleId，或 ruleId 与不同的 rule。",
        )
    if edit.rule is not None:
        with within("rule"):
            refuse_unknown_subject(session, edit.rule)
    return change
