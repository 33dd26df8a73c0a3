"""A changeset: several changes of the policy that are thought out, looked at and published as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from chassis.errors import BadInput, Conflict
from chassis.policy.rules import Rule
from identity.core.domain.ids import RuleId

LONGEST_TITLE = 200
LONGEST_REASON = 1000
MOST_CHANGES = 500


class ChangesetStatus(Enum):
    """How far a changeset has come."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    PUBLISHED = "published"
    DISCARDED = "discarded"


EDITABLE = (ChangesetStatus.DRAFT, ChangesetStatus.IN_REVIEW, ChangesetStatus.APPROVED)


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one rule: `before` null adds it, `after` null strikes it out.

    A rule that is added has no id until it is published; one that is restored has its old one.
    """

    rule: RuleId | None
    before: Rule | None
    after: Rule | None

    @property
    def idle(self) -> bool:
        """Whether it changes nothing."""
        return self.before == self.after


def inverse(changes: Sequence[Change]) -> tuple[Change, ...]:
    """What takes these published changes back, the last one first."""
    return tuple(Change(one.rule, one.after, one.before) for one in reversed(changes))


def refuse_wrong_size(changes: Sequence[object]) -> None:
    """Raise `BadInput` for none or too many."""
    if not 1 <= len(changes) <= MOST_CHANGES:
        raise BadInput(
            f"A changeset has 1 to {MOST_CHANGES} changes; these are {len(changes)}.",
            f"一个变更集应包含 1 到 {MOST_CHANGES} 项更改，当前为 {len(changes)} 项。",
            field="changes",
        )


def refuse_repeats(changes: Sequence[Change]) -> None:
    """Raise `BadInput` if one rule is changed twice: the order would decide, and nobody sees it."""
    seen: set[RuleId] = set()
    for index, one in enumerate(changes):
        if one.rule is not None and one.rule in seen:
            raise BadInput(
                f"changes.{index} speaks of rule {one.rule} a second time; say it once.",
                f"changes.{index} 再次更改规则 {one.rule}，每条规则只能出现一次。",
                field=f"changes.{index}.ruleId",
            )
        if one.rule is not None:
            seen.add(one.rule)


def applied(
    present: Mapping[RuleId, Rule], changes: Sequence[Change]
) -> tuple[dict[RuleId, Rule], tuple[Rule, ...]]:
    """The rules as they would be: those with an id, and the ones that are new.

    Raises `Conflict` where the policy is not what the changeset was thought out for. Only the rules
    it touches are compared: the policy's version also grows when somebody gets a role, which is no
    reason to think a changeset over.
    """
    rules = dict(present)
    added: list[Rule] = []
    for one in changes:
        if one.rule is None:
            if one.after is not None:
                added.append(one.after)
            continue
        if rules.get(one.rule) != one.before:
            raise Conflict(
                f"Rule {one.rule} is not what this changeset was thought out for: it was "
                "changed meanwhile. Look at it again and decide again.",
                f"规则 {one.rule} 已被他人修改，与变更集编写时不一致，请重新查看后再决定。",
                field="changes",
            )
        if one.after is None:
            del rules[one.rule]
        else:
            rules[one.rule] = one.after
    _refuse_twins(rules, added)
    return rules, tuple(added)


def _refuse_twins(rules: Mapping[RuleId, Rule], added: Sequence[Rule]) -> None:
    owners: dict[Rule, RuleId | None] = {}
    for id, one in [*rules.items(), *((None, new) for new in added)]:
        if one in owners:
            twin = owners[one]
            raise Conflict(
                f"Rule {twin} says exactly this already."
                if twin
                else "Two changes would add exactly the same rule.",
                f"规则 {twin} 已有完全相同的内容。" if twin else "两项更改会添加完全相同的规则。",
            )
        owners[one] = id


def numbered(changes: Sequence[Change], ids: Sequence[RuleId]) -> tuple[Change, ...]:
    """The changes with the ids that their new rules were given."""
    waiting = iter(ids)
    return tuple(one if one.rule else replace(one, rule=next(waiting)) for one in changes)


def line(rule: Rule | None) -> str | None:
    """A rule as the ledger shows it."""
    if rule is None:
        return None
    return ", ".join(
        (rule.subject, rule.object, rule.action, rule.rows, rule.redaction, rule.effect)
    )
