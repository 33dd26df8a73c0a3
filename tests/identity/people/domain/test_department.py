"""Rules of the tree of departments."""

from __future__ import annotations

from uuid import UUID

import pytest

from chassis.errors import BadInput
from identity.core.domain.ids import DepartmentId
from identity.people.domain import department

A, B, C = (DepartmentId(UUID(int=number)) for number in (1, 2, 3))


def test_a_department_may_hang_anywhere_but_below_itself() -> None:
    department.refuse_circle(A, None, {A, B})
    department.refuse_circle(A, C, {A, B})
    for parent in (A, B):
        with pytest.raises(BadInput):
            department.refuse_circle(A, parent, {A, B})


def test_a_tree_has_a_depth() -> None:
    department.refuse_too_deep(department.DEEPEST)
    with pytest.raises(BadInput):
        department.refuse_too_deep(department.DEEPEST + 1)
