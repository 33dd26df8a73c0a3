"""Optimistic locking: a change of an outdated version is refused."""

from __future__ import annotations

from chassis.errors import Conflict


def refuse_stale(present: int, expected: int | None, *, what: str = "this") -> None:
    """Raise `Conflict` with the present version if another one was expected; `None` expects any.

    `what` names the changed object in the error.
    """
    if expected is not None and expected != present:
        raise Conflict(
            f"Another user changed {what}: it has version {present}, expectedVersion is "
            f"{expected}. Read it again and repeat the change.",
            f"内容已被他人修改：当前版本为 {present}，您提交的 expectedVersion 为 {expected}，"
            "请重新读取后再试。",
            field="expectedVersion",
            version=present,
        )
