"""Names of roles, and how roles may inherit from each other."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from chassis.errors import BadInput

LONGEST_DESCRIPTION = 500
# Casbin silently denies along a chain of ten roles or more, so chains stay well below that.
LONGEST_CHAIN = 8
_NAME = re.compile(r"[a-z][a-z0-9_]{1,49}")


def name(text: str, *, field: str = "name") -> str:
    """Return the trimmed name that rules use for a role. Raises `BadInput`."""
    trimmed = text.strip()
    if not _NAME.fullmatch(trimmed):
        raise BadInput(
            f"{field} must be 2 to 50 characters of a-z, 0-9 and _, beginning with a letter.",
            f"{field} 须为 2 至 50 个字符，只能含小写字母、数字和下划线，并以字母开头。",
            field=field,
        )
    return trimmed


def refuse_unknown(names: Sequence[str], existing: Sequence[str], *, field: str) -> None:
    """Raise `BadInput` if one of the names is no existing role."""
    missing = sorted(set(names) - set(existing))
    if missing:
        raise BadInput(
            f"{field} names {', '.join(map(repr, missing))}, which is no role; "
            f"the roles are: {', '.join(sorted(existing))}.",
            f"{field} 中的 {'、'.join(missing)} 不是现有角色；现有角色："
            f"{'、'.join(sorted(existing))}。",
            field=field,
        )


def refuse_circle(inherits: Mapping[str, Sequence[str]], *, field: str = "inherits") -> None:
    """Raise `BadInput` if a role would inherit from itself, or along too long a chain."""
    for role in inherits:
        _walk(role, inherits, [role], field)


def _walk(role: str, inherits: Mapping[str, Sequence[str]], chain: list[str], field: str) -> None:
    for next in inherits.get(role, ()):
        path = " > ".join([*chain, next])
        if next in chain:
            raise BadInput(
                f"A role would inherit from itself: {path}.",
                f"角色将循环继承：{path}。",
                field=field,
            )
        if len(chain) >= LONGEST_CHAIN:
            raise BadInput(
                f"Roles would inherit over more than {LONGEST_CHAIN} steps: {path}.",
                f"角色继承超过 {LONGEST_CHAIN} 级：{path}。",
                field=field,
            )
        _walk(next, inherits, [*chain, next], field)
