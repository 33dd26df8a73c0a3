"""What is said to change is what changes for the very people and permissions."""

from __future__ import annotations

import random
from dataclasses import replace
from uuid import UUID

from chassis.explanation.difference import Difference, Effect, Reach, differences
from chassis.policy.compiling import compile_rules
from chassis.policy.row_scopes import RowAccess
from chassis.policy.rules import Member, Rule, Snapshot
from tests.chassis.explanation.test_decisions import PEOPLE, a_row, a_world

ME, DESK = UUID(int=1), UUID(int=9)
ASKED = [(object, action) for object in ("X", "Y") for action in ("read", "update")] + [
    ("X.phone", "read"),
    ("X.code", "read"),
]


def verdict(world: Snapshot, user: UUID, object: str, action: str, row: RowAccess) -> list[str]:
    """How open it is on this row, by each rule that reaches it: the first is what counts."""
    table = compile_rules(world, user, alone=True)
    open_ = {
        grant.redaction
        for grant in table.grants(object, action)
        if grant.redaction != "hidden" and grant.reaches(row)
    }
    order = ["clear", "mask:first3last4", "mask:domain", "mask:first1", "mask:hash", "mask:full"]
    return [one for one in order if one in open_][:1]


def test_whoever_is_not_named_keeps_what_they_have_on_every_row() -> None:
    dice, changed = random.Random(11), 0
    for _ in range(150):
        before = a_world(dice)
        other = a_world(dice)
        kept = tuple(rule for rule in before.rules if dice.random() < 0.8)
        after = replace(before, rules=tuple(dict.fromkeys(kept + other.rules[:3])))
        found = {
            (one.user_id, one.object, one.action): one for one in differences(before, after, ASKED)
        }
        for user in PEOPLE:
            for object, action in ASKED:
                one = found.get((user, object, action))
                for row in (a_row(dice), a_row(dice)):
                    old, new = (
                        verdict(side, user, object, action, row) for side in (before, after)
                    )
                    if old != new:
                        assert one is not None, (before, after, user, object, action, row)
                    if one is not None and one.effect is Effect.GAINED:
                        assert old == []
                    if one is not None and one.effect is Effect.LOST:
                        assert new == []
                    changed += old != new

    assert changed > 300


def a_snapshot(*rules: Rule) -> Snapshot:
    return Snapshot(1, rules, {}, {ME: Member(DESK, ("a",))}, {DESK: None})


def test_names_each_kind_of_change() -> None:
    before = a_snapshot(
        Rule("role:a", "X", "read", "own"),
        Rule("role:a", "X.phone", "read", "all", "mask:full"),
        Rule("role:a", "Y", "read"),
    )
    after = a_snapshot(
        Rule("role:a", "X", "read", "own+pool"),
        Rule("role:a", "X.phone", "read", "all", "clear"),
        Rule("role:a", "X", "update", "own"),
    )

    assert list(differences(before, after, [*ASKED, ("Z", "read")])) == [
        Difference(
            ME,
            "X",
            "read",
            Effect.ROWS_CHANGED,
            (Reach("own", "clear"),),
            (Reach("own", "clear"), Reach("pool", "clear")),
        ),
        Difference(ME, "X", "update", Effect.GAINED, (), (Reach("own", "clear"),)),
        Difference(
            ME,
            "X.phone",
            "read",
            Effect.REDACTION_CHANGED,
            (Reach("all", "mask:full"),),
            (Reach("all", "clear"),),
        ),
        Difference(ME, "Y", "read", Effect.LOST, (Reach("all", "clear"),), ()),
    ]


def test_a_rule_that_adds_nothing_changes_nothing() -> None:
    before = a_snapshot(Rule("role:a", "X", "read"), Rule("role:b", "Y", "read"))
    after = a_snapshot(Rule("role:a", "X", "read"), Rule("role:a", "X", "read", "own+pool"))

    assert list(differences(before, after, ASKED)) == []


def test_compares_each_combination_of_roles_once(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    compiled = []

    def counted(snapshot: Snapshot, user: UUID, *, alone: bool) -> object:
        compiled.append(user)
        return compile_rules(snapshot, user, alone=alone)

    monkeypatch.setattr("chassis.explanation.difference.compile_rules", counted)
    users = {UUID(int=n): Member(DESK, ("a", "b")[: 1 + n % 2]) for n in range(5000)}
    before = Snapshot(1, (Rule("role:a", "X", "read", "own"),), {}, users, {DESK: None})
    after = replace(before, rules=(Rule("role:a", "X", "read"), Rule("role:b", "Y", "read")))

    found = list(differences(before, after, ASKED))

    assert len(found) == 5000 + 2500
    assert len(compiled) == 4
