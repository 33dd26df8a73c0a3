"""Changesets: several changes of the policy that are drafted, reviewed and published together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from chassis.errors import BadInput, Conflict
from chassis.policy.rules import Rule
from identity.core.domain import text as texts
from identity.core.domain.ids import RuleId

LONGEST_TITLE = 200
LONGEST_REASON = 1000
MOST_CHANGES = 500


class ChangesetStatus(Enum):
    """The state of a changeset."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    PUBLISHED = "published"
    DISCARDED = "discarded"


EDITABLE = (ChangesetStatus.DRAFT, ChangesetStatus.IN_REVIEW, ChangesetStatus.APPROVED)


@dataclass(frozen=True, slots=True)
class Change:
    """The change of one rule: without `before` it is added, without `after` it is removed.

    A rule that is added has no id until it is published; one that is restored has its old one.
    """

    rule: RuleId | None
    before: Rule | None
    after: Rule | None

    @property
    def idle(self) -> bool:
        """Return whether it changes nothing."""
        return self.before == self.after


def title(text: str) -> str:
    """Return the trimmed title of a changeset. Raises `BadInput` if it is empty."""
    return texts.required(text, field="title", longest=LONGEST_TITLE)


def reason(text: str) -> str:
    """Return the trimmed reason of a changeset, which may be empty. Raises `BadInput`."""
    return texts.optional(text, field="reason", longest=LONGEST_REASON)


def note(text: str, *, required: bool) -> str:
    """Return the trimmed note of a reviewer. Raises `BadInput` if a required one is empty."""
    check = texts.required if required else texts.optional
    return check(text, field="note", longest=LONGEST_REASON)


def inverse(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Return the changes that undo these published ones, the last one first."""
    return tuple(Change(change.rule, change.after, change.before) for change in reversed(changes))


def refuse_wrong_size(changes: Sequence[object]) -> None:
    """Raise `BadInput` for no changes or too many."""
    if not 1 <= len(changes) <= MOST_CHANGES:
        raise BadInput(
            f"changes has {len(changes)} entries; a changeset has 1 to {MOST_CHANGES}.",
            f"一个变更集应包含 1 到 {MOST_CHANGES} 项更改，当前为 {len(changes)} 项。",
            field="changes",
        )


def refuse_repeats(changes: Sequence[Change]) -> None:
    """Raise `BadInput` if one rule is changed twice, since then the hidden order would decide."""
    seen: set[RuleId] = set()
    for index, change in enumerate(changes):
        if change.rule is not None and change.rule in seen:
            raise BadInput(
                f"changes.{index} changes rule {change.rule} a second time; list a rule once.",
                f"changes.{index} 再次更改规则 {change.rule}，每条规则只能出现一次。",
                field=f"changes.{index}.ruleId",
            )
        if change.rule is not None:
            seen.add(change.rule)


def applied(
    present: Mapping[RuleId, Rule], changes: Sequence[Change]
) -> tuple[dict[RuleId, Rule], tuple[Rule, ...]]:
    """Return the rules as they would be: those with an id, and the ones that are new.

    Raises `Conflict` where a rule is not what it was when the changeset was drafted. Only the rules
    that it changes are compared: the policy's version also grows when a user gets a role, which is
    no reason to review a changeset again.
    """
    rules = dict(present)
    added: list[Rule] = []
    for change in changes:
        if change.rule is None:
            if change.after is not None:
                added.append(change.after)
            continue
        if rules.get(change.rule) != change.before:
            raise Conflict(
                f"Rule {change.rule} was changed by another user since this changeset was drafted; "
                "read it again and update the changeset.",
                f"规则 {change.rule} 在变更集编写后已被他人修改，请重新读取并更新变更集。",
                field="changes",
            )
        if change.after is None:
            del rules[change.rule]
        else:
            rules[change.rule] = change.after
    _refuse_duplicates(rules, added)
    return rules, tuple(added)


def _refuse_duplicates(rules: Mapping[RuleId, Rule], added: Sequence[Rule]) -> None:
    owners: dict[Rule, RuleId | None] = {}
    for id, rule in [*rules.items(), *((None, new) for new in added)]:
        if rule in owners:
            existing = owners[rule]
            raise Conflict(
                f"Rule {existing} is exactly the same; leave this change out."
                if existing
                else "Two changes would add exactly the same rule; leave one out.",
                f"规则 {existing} 的内容完全相同，请去掉此项更改。"
                if existing
                else "两项更改会添加完全相同的规则，请去掉其中一项。",
            )
        owners[rule] = id


def numbered(changes: Sequence[Change], ids: Sequence[RuleId]) -> tuple[Change, ...]:
    """Return the changes with the ids of their new rules, in the same order."""
    new_ids = iter(ids)
    return tuple(
        change if change.rule else replace(change, rule=next(new_ids)) for change in changes
    )


def line(rule: Rule | None) -> str | None:
    """Return a rule as the ledger shows it."""
    if rule is None:
        return None
    return ", ".join(
        (rule.subject, rule.object, rule.action, rule.rows, rule.redaction, rule.effect)
    )
