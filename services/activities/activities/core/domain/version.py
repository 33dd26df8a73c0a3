"""Optimistic locking: an edit must name the present version."""

from __future__ import annotations

from chassis.errors import Conflict


def refuse_stale(present: int, expected: int | None) -> None:
    """Raise `Conflict` if the expected version is stale; `None` accepts any version."""
    if expected is not None and expected != present:
        raise Conflict(
            f"expectedVersion is {expected}, the present version is {present}; "
            "read it again and repeat the change.",
            f"expectedVersion 为 {expected}，当前版本为 {present}；请重新读取后再修改。",
            field="expectedVersion",
            version=present,
        )
