"""Which roles may inherit from which."""

from __future__ import annotations

import pytest

from chassis.errors import BadInput
from identity.people.domain import role


def test_roles_inherit_without_circles() -> None:
    role.refuse_circle({"a": ("b", "c"), "b": ("c",), "c": ()})
    with pytest.raises(BadInput, match="a > b > a"):
        role.refuse_circle({"a": ("b",), "b": ("a",)})


def test_roles_inherit_over_fewer_steps_than_casbin_follows() -> None:
    chain = {f"r{number}": (f"r{number + 1}",) for number in range(role.LONGEST_CHAIN)}
    with pytest.raises(BadInput, match="more than 8 steps"):
        role.refuse_circle(chain | {f"r{role.LONGEST_CHAIN}": ("last",)})
