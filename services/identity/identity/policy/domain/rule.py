"""Rules and questions, checked against the rulebook."""

from __future__ import annotations

from collections.abc import Iterable

from chassis.errors import BadInput
from chassis.policy.rules import ALLOW, ANY, DENY, ROWS, Rule
from identity.core.domain.rulebook import EVERYTHING, OBJECTS, Entry

EFFECTS = (ALLOW, DENY)
SUBJECTS = ("role", "user")


def drafted(
    *, subject: str, object: str, action: str, rows: str, redaction: str, effect: str
) -> Rule:
    """Return a checked rule in its normal form. Raises `BadInput` that names the allowed values."""
    entry = _entry(object.strip())
    rule = Rule(
        subject=_subject(subject.strip()),
        object=entry.object,
        action=_one_of(action, _actions(entry), "action", f"of {entry.object}"),
        rows=_rows(rows, entry),
        redaction=_one_of(redaction, entry.redactions, "redaction", f"of {entry.object}"),
        effect=_one_of(effect, EFFECTS, "effect"),
    )
    if rule.effect == DENY and (rule.rows, rule.redaction) != ("all", "clear"):
        raise BadInput(
            "effect is deny, which forbids the whole action: use rows all and redaction clear, or "
            "narrow the allow rules instead.",
            "禁止规则作用于整个操作：rows 应为 all、redaction 应为 clear；如需限定范围，"
            "请收窄允许规则。",
            field="effect",
        )
    return rule


def refuse_unknown_question(object: str, action: str, field: str | None) -> None:
    """Raise `BadInput` for an object, an action or a field that the rulebook does not have.

    The error names the allowed values.
    """
    names = [name for name, entry in OBJECTS.items() if not entry.sensitive]
    entry = OBJECTS[_one_of(object, names, "object")]
    _one_of(action, entry.actions, "action", f"of {entry.object}")
    if field is not None:
        _one_of(field, [name for name, entry in OBJECTS.items() if entry.sensitive], "field")


def _subject(subject: str) -> str:
    kind, separator, name = subject.partition(":")
    if kind not in SUBJECTS or not separator or not name:
        raise BadInput(
            f"subject is {subject!r}; it must be role:<name of a role> or user:<id of a user>.",
            f"subject 为 {subject!r}，格式应为 role:角色名 或 user:用户编号。",
            field="subject",
        )
    return subject


def _entry(object: str) -> Entry:
    if object == ANY:
        return EVERYTHING
    _one_of(object, (ANY, *OBJECTS), "object")
    return OBJECTS[object]


def _actions(entry: Entry) -> tuple[str, ...]:
    return entry.actions if entry is EVERYTHING else (*entry.actions, ANY)


def _rows(text: str, entry: Entry) -> str:
    """Return row scopes in their normal order, each once; `all` includes the others."""
    parts = {part.strip() for part in text.split("+")}
    for part in sorted(parts):
        _one_of(part, entry.rows, "rows", f"of {entry.object}")
    return "all" if "all" in parts else "+".join(row for row in ROWS if row in parts)


def _one_of(value: str, allowed: Iterable[str], field: str, context: str = "") -> str:
    trimmed = value.strip()
    names = list(allowed)
    if trimmed not in names:
        of = f" {context}" if context else ""
        raise BadInput(
            f"{field} is {value!r}; allowed{of} are: {', '.join(names)}.",
            f"{field} 为 {value!r}，可选值：{'、'.join(names)}。",
            field=field,
            allowed=names,
        )
    return trimmed
