"""Spellings that mean the same: every one is read back as the value,
and together they name one key."""

from __future__ import annotations

import random
from uuid import UUID

import pytest

from customers.exports.domain import leak, watermark
from customers.exports.domain.watermark import marked, plain, read, spellings
from customers.pool.domain import email, fields, phone

NUMBERS = (
    "+8613800001111",
    "+861088886666",
    "+867558888666",
    "+8675588886666",
    "+862112345678",
    "+864001234567",
    "+14155550123",
    "+861088886666;ext=801",
)
NAMES = [f"第{n}客户有限公司" for n in range(1000)]


def keys(count: int) -> dict[UUID, bytes]:
    dice = random.Random(7)
    return {UUID(int=n + 1): dice.randbytes(32) for n in range(count)}


KEYS = keys(300)
MINE = UUID(int=1)


@pytest.mark.parametrize("number", NUMBERS)
def test_every_spelling_of_a_number_is_that_number(number: str) -> None:
    found = spellings(number)

    assert len(set(found)) == len(found) >= 4
    assert {phone.normalise(spelling) for spelling in found} == {number}
    assert not any(spelling.startswith(("=", "-", "@")) for spelling in found)


@pytest.mark.parametrize(
    ("kind", "value", "rule"),
    [
        ("phone", "+8613800001111", phone.normalise),
        ("email", "zhang.san+1@shop.example.com", email.normalise),
        ("website", "https://www.huaning.example", fields.website),
        ("website", "http://huaning.example:8080/About?x=Y", fields.website),
        ("text", "No 1, Long Street, Beijing", fields.text("address", 300)),
        ("text", "华宁科技（北京）有限公司", fields.text("name", 300)),
        (None, "91110108MA0000001X", str),
    ],
)
def test_a_marked_value_is_the_same_value_and_shows_its_key(
    kind: str | None, value: str, rule: object
) -> None:
    for key in KEYS.values():
        shown = marked(kind, value, key)

        assert rule(shown) == value  # type: ignore[operator]  # a rule takes text
        found = list(read(shown))
        assert all(watermark.chosen(key, mark.message, mark.sides) == mark.side for mark in found)
        assert bool(found) == (kind is not None)


def test_a_fragment_of_twenty_names_in_any_order_names_its_export() -> None:
    copy = [marked("text", name, KEYS[MINE]) for name in NAMES]

    for attempt in range(20):
        some = random.Random(attempt).sample(copy, 20)
        best, second, *_ = leak.suspects(leak.marks_of(some), KEYS)

        assert best.export == MINE
        assert best.named
        assert best.false_alarm < 1e-12
        assert not second.named


@pytest.mark.parametrize("number", range(5))
def test_what_was_typed_names_nobody(number: int) -> None:
    typed = [
        *NAMES,
        *(f"138{n:04d}{number:04d}" for n in range(1000)),
        *(f"a{n}@b.example" for n in range(500)),
    ]

    found = leak.suspects(leak.marks_of(typed), keys(300 + number))

    assert not any(one.named for one in found)


def test_two_who_mix_their_copies_are_both_named() -> None:
    other = UUID(int=2)
    dice = random.Random(3)
    mixed = [marked("text", name, KEYS[dice.choice([MINE, other])]) for name in NAMES[:120]]

    found = leak.suspects(leak.marks_of(mixed), KEYS)

    assert {one.export for one in found if one.named} == {MINE, other}


def test_the_mean_of_the_evidence_of_the_innocent_is_one() -> None:
    """What the bound on false alarms rests on: an e-value's mean over keys is one
    (here: at most)."""
    marks = leak.marks_of(f"138{n:04d}0000" for n in range(3))

    found = [
        leak._evidence(
            [leak._EncodedMark(m.channel, m.message, m.sides, m.side) for m in marks], key
        )
        for key in keys(20_000).values()
    ]

    assert sum(10**evidence for evidence, _ in found) / len(found) == pytest.approx(1, abs=0.15)


def test_a_repeated_cell_counts_once() -> None:
    assert len(leak.marks_of(["13800001111"] * 50)) == 1


def test_nothing_unseen_is_left_in_a_plain_text() -> None:
    assert plain(marked("text", "No 1, Street", KEYS[MINE])) == "No 1, Street"
