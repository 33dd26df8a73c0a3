"""Names of users, departments and roles, and who may inherit from whom."""

from __future__ import annotations

from uuid import UUID

import pytest

from chassis.errors import BadInput, Conflict
from identity.core.domain.ids import DepartmentId
from identity.core.domain.version import refuse_stale
from identity.people.domain import department, role, user

A, B, C = (DepartmentId(UUID(int=number)) for number in (1, 2, 3))


@pytest.mark.parametrize("text", ["li.na", "Li.Na", " svc-1 ", "a@b.example"])
def test_a_user_name_is_lower_case_and_plain(text: str) -> None:
    assert user.username(text) == text.strip().lower()


@pytest.mark.parametrize("text", ["", "a", ".a", "a b", "李娜", "a\u0000b", "x" * 65, "ａｄｍｉｎ"])
def test_refuses_a_user_name(text: str) -> None:
    with pytest.raises(BadInput):
        user.username(text)
    assert user.asked_username(text) == ""


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


def test_roles_inherit_without_circles() -> None:
    role.refuse_circle({"a": ("b", "c"), "b": ("c",), "c": ()})
    with pytest.raises(BadInput, match="a > b > a"):
        role.refuse_circle({"a": ("b",), "b": ("a",)})


def test_roles_inherit_over_fewer_steps_than_casbin_follows() -> None:
    chain = {f"r{number}": (f"r{number + 1}",) for number in range(role.LONGEST_CHAIN)}
    with pytest.raises(BadInput, match="more than 8 steps"):
        role.refuse_circle(chain | {f"r{role.LONGEST_CHAIN}": ("last",)})


def test_a_stale_version_is_a_conflict_with_the_present_one() -> None:
    refuse_stale(3, None)
    refuse_stale(3, 3)
    with pytest.raises(Conflict) as refused:
        refuse_stale(3, 2)
    assert refused.value.extra["version"] == 3
