"""A rule has one spelling, and says only what some service asks for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from chassis.errors import BadInput
from chassis.policy.rules import Rule
from identity.core.domain.rulebook import OBJECTS, RULEBOOK
from identity.policy.domain.rule import drafted
from identity.policy.domain.starter import ROLES

RIGHT = {"subject": "role:sales", "object": "Customer", "action": "read", "rows": "own"}
SERVICES = Path(__file__).parents[4] / "services"
# right("Customer", "merge"), scope("Task"), may("Task", "read"), allow(actor, "Customer", "read")
ASKED = re.compile(
    r"\b(?:right|scope|may|allow|redactor)\("
    r'(?:[\w.]+, )?"(?P<object>[A-Z]\w*(?:\.\w+)?)"(?:, "(?P<action>\w+)")?'
)


def draft(**changed: Any) -> Rule:
    return drafted(**(RIGHT | {"redaction": "clear", "effect": "allow"} | changed))


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ("pool+own", "own+pool"),
        ("own + own", "own"),
        ("own+all", "all"),
        ("subtree", "subtree"),
    ],
)
def test_rows_have_one_spelling(asked: str, kept: str) -> None:
    assert draft(rows=asked).rows == kept


def test_spaces_around_are_dropped() -> None:
    assert draft(subject=" role:sales ", object=" Customer ", action=" read ") == draft()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"subject": "group:x"}, "subject"),
        ({"subject": "role:"}, "subject"),
        ({"object": ""}, "object"),
        ({"object": "customer"}, "object"),
        ({"action": "absolve"}, "action"),
        ({"rows": ""}, "rows"),
        ({"rows": "own+"}, "rows"),
        ({"object": "*", "action": "*", "rows": "own"}, "rows"),
        ({"redaction": "hidden"}, "redaction"),
        ({"effect": "deny", "rows": "own"}, "effect"),
    ],
)
def test_says_in_both_languages_what_would_be_right(wrong: dict[str, str], field: str) -> None:
    with pytest.raises(BadInput) as refused:
        draft(**wrong)

    assert refused.value.field == field
    assert re.search(r"[\u4e00-\u9fff]", refused.value.message("zh"))
    assert not re.search(r"[\u4e00-\u9fff]", refused.value.message("en"))


def test_everything_the_starter_policy_says_may_be_said() -> None:
    for role in ROLES:
        for rule in role.rules():
            assert rule == drafted(
                subject=rule.subject,
                object=rule.object,
                action=rule.action,
                rows=rule.rows,
                redaction=rule.redaction,
                effect=rule.effect,
            )


def test_the_starter_policy_says_nothing_twice() -> None:
    rules = [rule for role in ROLES for rule in role.rules()]

    assert len(rules) == len(set(rules))


def test_has_a_line_for_everything_the_services_ask() -> None:
    missing = []
    for file in sorted(SERVICES.rglob("*.py")):
        for asked in ASKED.finditer(file.read_text()):
            object, action = asked["object"], asked["action"] or "read"
            if object not in OBJECTS or action not in OBJECTS[object].actions:
                missing.append(f"{file.relative_to(SERVICES)}: {action} {object}")

    assert missing == []


def test_names_every_object_once() -> None:
    assert len(OBJECTS) == len(RULEBOOK)
