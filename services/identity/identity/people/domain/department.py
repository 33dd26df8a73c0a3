"""Rules of the tree of departments."""

from __future__ import annotations

from collections.abc import Collection

from chassis.errors import BadInput
from identity.core.domain.ids import DepartmentId
from identity.core.domain.text import required

LONGEST_NAME = 100
DEEPEST = 20


def name(text: str, *, field: str = "name") -> str:
    """Return the trimmed name of a department. Raises `BadInput`."""
    return required(text, field=field, longest=LONGEST_NAME)


def refuse_circle(
    id: DepartmentId, parent: DepartmentId | None, below: Collection[DepartmentId]
) -> None:
    """Raise `BadInput` if a department would lie below itself.

    `below` are the department and all departments under it.
    """
    if parent is not None and (parent == id or parent in below):
        raise BadInput(
            "parentId is this department or lies below it; choose one outside of it.",
            "parentId 是该部门自身或其下级，请选择其他部门。",
            field="parentId",
        )


def refuse_too_deep(depth: int) -> None:
    """Raise `BadInput` if the tree would have more levels than a person can follow."""
    if depth > DEEPEST:
        raise BadInput(
            f"The tree of departments would be {depth} levels deep; {DEEPEST} are allowed.",
            f"部门层级将达到 {depth} 级，最多允许 {DEEPEST} 级。",
            field="parentId",
        )
