"""Write the policy as the CSV of Casbin, and read such a CSV as changes of the policy."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from chassis.errors import BadInput, HuichiError
from chassis.policy.rules import Rule, Snapshot, casbin_lines
from identity.core.domain.ids import RuleId
from identity.policy.domain.rule import drafted

LONGEST = 1_000_000
_PARTS = ("p", "subject", "object", "action", "rows", "redaction", "effect")


def to_csv(snapshot: Snapshot) -> str:
    """Return rules, inheritance of roles and roles of users as CSV, one a line."""
    return "".join(", ".join(line) + "\n" for line in casbin_lines(snapshot))


def read(text: str, roles: Mapping[str, Sequence[str]]) -> list[Rule]:
    """Return the rules of a CSV, each checked against the rulebook. Raises `BadInput`.

    An import does not change the inheritance of roles, so a file with another one is refused: its
    rules would mean something else here. Which user has which role is ignored, since the file may
    come from another company.
    """
    if len(text) > LONGEST:
        raise BadInput(
            f"csv has {len(text)} characters; at most {LONGEST} are allowed.",
            f"csv 有 {len(text)} 个字符，最多 {LONGEST} 个。",
            field="csv",
        )
    rules: dict[Rule, None] = {}
    inherits: set[tuple[str, str]] = set()
    try:
        for number, parts in enumerate(csv.reader(io.StringIO(text)), 1):
            line = [part.strip() for part in parts]
            if not any(line) or line[0].startswith("#"):
                continue
            if line[0] == "g" and len(line) == 3:
                if line[1].startswith("role:"):
                    inherits.add((line[1], line[2]))
                continue
            rules[_rule(line, number)] = None
    except csv.Error as problem:
        raise BadInput(
            f"csv cannot be parsed: {problem}; correct it.", "csv 无法解析，请更正。", field="csv"
        ) from problem
    _refuse_other_inheritance(inherits, roles)
    return list(rules)


def _rule(line: Sequence[str], number: int) -> Rule:
    if line[0] != "p" or len(line) != len(_PARTS):
        raise BadInput(
            f"Line {number} of csv is no rule; a rule is: {', '.join(_PARTS)}.",
            f"csv 第 {number} 行不是规则，规则的格式为：{', '.join(_PARTS)}。",
            field="csv",
        )
    try:
        return drafted(**dict(zip(_PARTS[1:], line[1:], strict=True)))
    except HuichiError as problem:
        raise BadInput(
            f"Line {number} of csv: {problem.en}",
            f"csv 第 {number} 行：{problem.zh}",
            field="csv",
        ) from problem


def _refuse_other_inheritance(
    inherits: set[tuple[str, str]], roles: Mapping[str, Sequence[str]]
) -> None:
    present = {(f"role:{role}", f"role:{above}") for role, all in roles.items() for above in all}
    other = sorted(inherits - present)
    if other:
        lines = "; ".join(f"g, {role}, {above}" for role, above in other[:5])
        raise BadInput(
            "csv has other inheritance of roles than this policy; change it with updateRole "
            f"first: {lines}.",
            f"csv 中角色的继承关系与现有策略不同，请先用 updateRole 调整：{lines}。",
            field="csv",
        )


def changes(
    present: Mapping[RuleId, Rule], imported: Sequence[Rule], *, replace: bool
) -> list[tuple[RuleId | None, Rule | None]]:
    """Return the edits that turn the present rules into the imported ones, as pairs of id and rule.

    Missing rules are added, without an id; with `replace`, rules that the file does not have are
    removed, without a rule.
    """
    existing = set(present.values())
    added: list[tuple[RuleId | None, Rule | None]] = [
        (None, rule) for rule in imported if rule not in existing
    ]
    if not replace:
        return added
    target = set(imported)
    return [*added, *((id, None) for id, rule in present.items() if rule not in target)]
