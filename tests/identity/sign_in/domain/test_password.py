"""What is accepted as a password, and that it cannot be read back."""

from __future__ import annotations

import time

import pytest

from chassis.errors import BadInput
from identity.sign_in.domain import password
from identity.sign_in.domain.password_strength import Weakness, find_weakness


@pytest.mark.parametrize(
    "text",
    ["correct horse battery", "kxqm-7w3t-pz9n", "我爱北京天安门上太阳升", "x" * 5 + "yzabcdefg1!"],
)
def test_accepts(text: str) -> None:
    assert password.check_strength(text, "li.na", field="password") == text


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
        password.check_strength(text, "li.na", field="newPassword")

    assert refused.value.field == "newPassword"
    assert not text or text not in refused.value.en


def test_keeps_a_hash_of_the_promised_cost() -> None:
    kept = password.hash_password("correct horse battery")

    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert password.matches(kept, "correct horse battery")
    assert not password.matches(kept, "correct horse batterz")
    assert not password.is_outdated(kept)


@pytest.mark.parametrize("kept", [None, "", "not a hash"])
def test_nothing_matches_no_hash(kept: str | None) -> None:
    assert not password.matches(kept, "nobody has this password")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1q2w3e4r5t", Weakness.LEAKED),
        ("P@ssw0rd1234", Weakness.LEAKED),
        ("woaini1314520", Weakness.LEAKED),
        ("Welcome2026!", Weakness.LEAKED),
        ("trustno1trustno1", Weakness.REPEATED),
        ("zxcvbnm,./asdf", Weakness.KEYBOARD),
        ("zhangwei19900101", Weakness.PERSONAL),
        ("19900101 1990", Weakness.DATE),
        ("Huichi2026!!", Weakness.PERSONAL),
        ("several unrelated words", None),
        ("汇池里有七条小鱼和一只虾", None),
    ],
)
def test_knows_why_it_would_be_guessed(text: str, expected: Weakness | None) -> None:
    assert find_weakness(text, ("huichi", "zhangwei")) is expected


def test_is_quick_about_what_slows_the_library_down() -> None:
    started = time.process_time()

    for text in ("4@8({[<369&#!1/|0$5+7%2" * 8, "{[(<4@!1|l7+69$5" * 12, "a" * 200):
        find_weakness(text)

    # Unbounded, the first of them takes minutes.
    assert time.process_time() - started < 10
