"""Secrets at rest open only where they belong."""

from __future__ import annotations

import base64

import pytest

from integrations.core.domain.seal import Broken, Seal, seal

OLD, NEW = bytes(32), bytes([7]) * 32


def test_opens_what_it_closed_and_shows_nothing_of_it() -> None:
    sealed = Seal([OLD]).close({"password": "secret-word"}, "row 1")

    assert Seal([OLD]).open(sealed, "row 1") == {"password": "secret-word"}
    assert b"secret-word" not in sealed


def test_a_text_that_was_moved_or_changed_does_not_open() -> None:
    sealed = Seal([OLD]).close("x", "row 1")

    for broken, place in (
        (sealed, "row 2"),
        (sealed[:-1] + bytes([sealed[-1] ^ 1]), "row 1"),
        (b"\x02" + sealed[1:], "row 1"),
        (b"", "row 1"),
    ):
        with pytest.raises(Broken):
            Seal([OLD]).open(broken, place)


def test_a_new_key_seals_and_the_old_one_still_opens() -> None:
    before = Seal([OLD]).close("x", "p")
    both = Seal([NEW, OLD])

    assert both.open(before, "p") == "x"
    with pytest.raises(Broken):
        Seal([OLD]).open(both.close("x", "p"), "p")


def test_a_key_of_another_length_is_refused_without_being_told() -> None:
    short = base64.b64encode(b"short").decode()

    with pytest.raises(ValueError, match="32 are needed") as refused:
        seal(short)

    assert short not in str(refused.value)
