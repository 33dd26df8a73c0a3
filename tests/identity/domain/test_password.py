"""What is accepted as a password, and that it cannot be read back."""

from __future__ import annotations

import pytest

from chassis.errors import BadInput
from identity.domain import password


@pytest.mark.parametrize(
    "text",
    ["correct horse battery", "kxqm-7w3t-pz9n", "我爱北京天安门上太阳升", "x" * 5 + "yzabcdefg1!"],
)
def test_accepts(text: str) -> None:
    assert password.accepted(text, "li.na", field="password") == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "short",
        "x" * 201,
        "aaaaaaaaaaaa",
        "1234567890",
        "qwertyuiop",
        "Password123!",
        "li.na-2026-secret",
        "LI.NA rocks the house",
        "letmein!!!",
    ],
)
def test_refuses(text: str) -> None:
    with pytest.raises(BadInput) as refused:
        password.accepted(text, "li.na", field="newPassword")

    assert refused.value.field == "newPassword"
    assert not text or text not in refused.value.en


def test_keeps_a_hash_of_the_promised_cost() -> None:
    kept = password.hashed("correct horse battery")

    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert password.matches(kept, "correct horse battery")
    assert not password.matches(kept, "correct horse batterz")
    assert not password.is_outdated(kept)


@pytest.mark.parametrize("kept", [None, "", "not a hash"])
def test_nothing_matches_no_hash(kept: str | None) -> None:
    assert not password.matches(kept, "nobody has this password")
