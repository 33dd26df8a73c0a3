"""A change is refused if somebody else was first."""

from __future__ import annotations

from chassis.errors import Conflict


def refuse_stale(present: int, expected: int | None, *, what: str = "this") -> None:
    """Raise `Conflict` with the present version; without an expectation everything is fine."""
    if expected is not None and expected != present:
        raise Conflict(
            f"Somebody changed {what} meanwhile: it is at version {present}, you expected "
            f"{expected}. Read it again and decide again.",
            f"内容已被他人修改：当前版本为 {present}，您提交的是 {expected}，请重新读取后再试。",
            field="expectedVersion",
            version=present,
        )
