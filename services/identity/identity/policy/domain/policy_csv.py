"""The policy as the CSV that Casbin reads and writes, and a CSV as changes of the policy."""

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


def written(snapshot: Snapshot) -> str:
    """Rules, roles that inherit and who has which role, one a line."""
    return "".join(", ".join(line) + "\n" for line in casbin_lines(snapshot))


def read(text: str, roles: Mapping[str, Sequence[str]]) -> list[Rule]:
    """The rules of a CSV, each held against the rulebook.

    What roles inherit is not changed by an import, so a file that says otherwise is refused: its
    rules would mean something else here. Who has which role is another company's business.
    """
    if len(text) > LONGEST:
        raise BadInput(
            f"csv has {len(text)} characters; at most {LONGEST} are read.",
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
            f"csv cannot be read: {problem}.", "csv 无法解析。", field="csv"
        ) from problem
    _refuse_other_roles(inherits, roles)
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


def _refuse_other_roles(said: set[tuple[str, str]], roles: Mapping[str, Sequence[str]]) -> None:
    present = {(f"role:{role}", f"role:{above}") for role, all in roles.items() for above in all}
    other = sorted(said - present)
    if other:
        lines = "; ".join(f"g, {role}, {above}" for role, above in other[:5])
        raise BadInput(
            f"Roles inherit otherwise here; make them agree with updateRole first: {lines}.",
            f"角色的继承关系与此处不同，请先用 updateRole 调整：{lines}。",
            field="csv",
        )


def changes(
    present: Mapping[RuleId, Rule], wanted: Sequence[Rule], *, replace: bool
) -> list[tuple[RuleId | None, Rule | None]]:
    """What turns the present rules into the wanted ones: those that are missing are added and,
    where the file is to replace all, those that it does not have are removed."""
    known = set(present.values())
    added: list[tuple[RuleId | None, Rule | None]] = [
        (None, rule) for rule in wanted if rule not in known
    ]
    if not replace:
        return added
    kept = set(wanted)
    return [*added, *((id, None) for id, rule in present.items() if rule not in kept)]
