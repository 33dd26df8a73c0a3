"""Names that users sign in with."""

from __future__ import annotations

import pytest

from chassis.errors import BadInput
from identity.people.domain import user


@pytest.mark.parametrize("text", ["li.na", "Li.Na", " svc-1 ", "a@b.example"])
def test_a_user_name_is_lower_case_and_plain(text: str) -> None:
    assert user.username(text) == text.strip().lower()


@pytest.mark.parametrize("text", ["", "a", ".a", "a b", "李娜", "a\u0000b", "x" * 65, "ａｄｍｉｎ"])
def test_refuses_a_user_name(text: str) -> None:
    with pytest.raises(BadInput):
        user.username(text)
    assert user.asked_username(text) == ""
