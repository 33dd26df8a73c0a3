"""A mapping puts what a source says into our words, and never guesses."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.core.domain.failure import Skip
from integrations.specs.domain.functions import credit_check, find_function
from integrations.specs.domain.mapping import parse_mapping
from integrations.specs.domain.source_record import Contact, Kind, SourceRecord, fingerprint


def run(said: dict[str, Any], raw: dict[str, Any]) -> SourceRecord:
    return parse_mapping("id", {"fields": {"name": "name"}} | said).record(raw)


@pytest.mark.parametrize(
    ("via", "value", "expected"),
    [
        ("trim", "  深圳  ", "深圳"),
        ("trim", 13800138000.0, "13800138000"),
        ("trim", {"a": 1}, None),
        ("squeeze", "a \n b", "a b"),
        ("email", " A@Example.ORG ", "a@example.org"),
        ("email", "no address", None),
        ("e164", "138 0013 8000", "+8613800138000"),
        ("e164", "+86-138-0013-8000", "+8613800138000"),
        ("e164", "0086 13800138000", "+8613800138000"),
        ("e164", "0755-83001234", "+8675583001234"),
        ("e164", "12345", None),
        ("credit_code", ["x", "91350211ma32ln2f0x"], None),
        ("first", [None, "", "b"], "b"),
        ("iso_time", "2026-01-31T08:00:00+08:00", datetime(2026, 1, 31, tzinfo=UTC)),
        ("epoch_ms", 1000, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        ("epoch_s", "soon", None),
        ({"join": "、"}, ["a", None, "b"], "a、b"),
        ({"split": ";"}, "a; b;", ["a", "b"]),
        ({"map_enum": {"1": "A", "*": "Z"}}, 1, "A"),
        ({"map_enum": {"1": "A", "*": "Z"}}, 2, "Z"),
    ],
)
def test_functions_give_a_value_or_nothing(via: Any, value: Any, expected: Any) -> None:
    assert find_function(via)(value) == expected


def test_takes_a_credit_code_whose_check_letter_is_right() -> None:
    body = "91990000MA0000017"
    code = body + credit_check(body)

    assert find_function("credit_code")([None, "1", code.lower()]) == code
    assert find_function("credit_code")(body + ("0" if code[-1] != "0" else "1")) is None


def test_knows_the_check_letters_of_real_codes() -> None:
    # The first is the example of GB 32100-2015, the others are public entries of the registry.
    for code in ("91350100M000100Y43", "9144030071526726XG", "91330100799655058B"):
        assert credit_check(code[:17]) == code[17]


def test_says_only_what_is_there() -> None:
    record = run(
        {"fields": {"name": "name", "phone": "tel", "email": "mail"}}, {"id": 7, "name": "A"}
    )

    assert record == SourceRecord("7", Kind.ORGANIZATION, {"name": "A"})


def test_a_condition_holds_only_when_it_is_exactly_true() -> None:
    said = {"fields": {"name": "name", "phone": {"from": "tel", "when": "use"}}}

    assert run(said, {"id": 1, "name": "A", "tel": "1", "use": True}).fields["phone"] == "1"
    assert "phone" not in run(said, {"id": 1, "name": "A", "tel": "1", "use": "yes"}).fields


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ({"name": "A"}, "NO_KEY"),
        ({"id": {"a": 1}, "name": "A"}, "NO_KEY"),
        ({"id": "x" * 201, "name": "A"}, "KEY_TOO_LONG"),
        ({"id": 1, "name": "  "}, "MISSING_FIELD"),
        ({"id": 1, "name": "A", "kind": "ALIEN"}, "BAD_KIND"),
        (
            {
                "id": 1,
                "name": "A",
                "kind": "PERSON",
                "people": [{"id": n, "name": "x"} for n in range(101)],
            },
            "TOO_MANY_CONTACTS",
        ),
    ],
)
def test_a_record_that_cannot_be_used_says_why(raw: dict[str, Any], code: str) -> None:
    said = {
        "fields": {"name": {"from": "name", "via": ["trim"], "required": True}},
        "kind": {"from": "kind", "default": "ORGANIZATION"},
        "contacts": {"each": "people", "external_id": "id", "name": "name"},
    }

    with pytest.raises(Skip) as skipped:
        run(said, raw)

    assert skipped.value.code == code
    assert skipped.value.zh


def test_what_is_gone_needs_no_name() -> None:
    said = {"fields": {"name": {"from": "name", "required": True}}, "deleted_when": "gone"}

    assert run(said, {"id": 1, "gone": True}).deleted is True


def test_people_without_an_id_or_a_word_are_left_out() -> None:
    said = {"contacts": {"each": "people", "external_id": "id", "name": "n", "mobile": "m"}}
    people = [{"id": 1, "n": "张伟"}, {"n": "no id"}, {"id": 2}, {"id": 1, "n": "张伟", "m": "1"}]

    record = run(said, {"id": 1, "name": "A", "people": people})

    assert record.contacts == (Contact("1", "张伟", None, "1", None),)


def test_the_time_of_observation_is_no_news() -> None:
    early = SourceRecord(
        "1", Kind.PERSON, {"name": "A"}, observed_at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    late = SourceRecord(
        "1", Kind.PERSON, {"name": "A"}, observed_at=datetime(2027, 1, 1, tzinfo=UTC)
    )

    assert fingerprint(early) == fingerprint(late)
    assert fingerprint(early) != fingerprint(SourceRecord("1", Kind.PERSON, {"name": "B"}))
