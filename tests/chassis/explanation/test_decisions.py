"""An explanation says what the guard does, what Casbin decides, and what the rules plainly say."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import casbin
import pytest
from casbin.persist.adapters.string_adapter import StringAdapter

from chassis import policy
from chassis.actor import Actor
from chassis.errors import Denied
from chassis.explanation.decisions import (
    Condition,
    Explanation,
    Outcome,
    Question,
    explain,
    holders,
)
from chassis.policy.guard import Guard
from chassis.policy.masks import Visibility
from chassis.policy.row_scopes import RowAccess
from chassis.policy.rules import (
    FOR_EVER,
    REDACTIONS,
    ROWS,
    Delegation,
    Emergency,
    Member,
    Rule,
    Snapshot,
    casbin_lines,
)

MODEL = Path(policy.__file__).with_name("model.conf")
ROOT, EAST, DESK, WEST = (UUID(int=n) for n in range(10, 14))
TREE = {ROOT: None, EAST: ROOT, DESK: EAST, WEST: ROOT}
PEOPLE = [UUID(int=n) for n in range(100, 110)]
ROLES = ("a", "b", "c", "d")
ME, OTHER = PEOPLE[0], PEOPLE[1]
WORLDS, ASKED = 100, 100
PROJECTS = [UUID(int=n) for n in range(20, 23)]
THINGS = [UUID(int=n) for n in range(30, 34)]
NOW = time.time()
LONG_AGO, YESTERDAY, NEXT_YEAR = NOW - 9e6, NOW - 9e4, NOW + 3e7
ENDS = (YESTERDAY, NEXT_YEAR, FOR_EVER)


def a_world(dice: random.Random) -> Snapshot:
    """Some people in some roles under some rules."""

    def rule() -> Rule:
        subject = (
            f"role:{dice.choice(ROLES)}" if dice.random() < 0.8 else f"user:{dice.choice(PEOPLE)}"
        )
        object = dice.choice(["X", "X", "Y", "X.phone", "X.phone", "X.code", "*"])
        action = dice.choice(["read", "read", "read", "update", "*"])
        if dice.random() < 0.06:
            return Rule(subject, object, action, effect="deny")
        rows = "all" if object == "*" else "+".join(dice.sample(ROWS, dice.randint(1, 3)))
        return Rule(
            subject, object, action, rows, dice.choice(REDACTIONS) if "." in object else "clear"
        )

    return Snapshot(
        version=dice.randint(1, 99),
        rules=tuple({rule(): None for _ in range(dice.randint(3, 25))}),
        roles={"a": tuple(dice.sample("bc", dice.randint(0, 2))), "b": ("d",) * dice.randint(0, 1)},
        users={
            person: Member(
                dice.choice([None, *TREE]),
                tuple(dice.sample(ROLES, dice.randint(0, 2))),
                active=dice.random() < 0.9,
                until=YESTERDAY if dice.random() < 0.1 else dice.choice(ENDS[1:]),
                projects=tuple((one, dice.choice(ENDS)) for one in dice.sample(PROJECTS, 2)),
            )
            for person in PEOPLE[:-1]
        },
        departments=TREE,
        delegations=tuple(a_delegation(dice) for _ in range(dice.randint(0, 4))),
        emergencies=tuple(
            Emergency(dice.choice(PEOPLE), dice.choice(THINGS), dice.choice(ENDS[:2]))
            for _ in range(dice.randint(0, 6))
        ),
        delegable=frozenset({"X", "X.phone"}),
    )


def a_delegation(dice: random.Random) -> Delegation:
    return Delegation(
        giver=dice.choice(PEOPLE),
        taker=dice.choice(PEOPLE),
        since=dice.choice((LONG_AGO, LONG_AGO, LONG_AGO, NEXT_YEAR - 1)),
        until=dice.choice(ENDS),
        roles=dice.choice((None, None, tuple(dice.sample(ROLES, 2)))),
        only=dice.choice((None, None, frozenset(dice.sample(THINGS, 2)))),
    )


def a_row(dice: random.Random) -> RowAccess:
    return RowAccess(
        dice.choice([None, *PEOPLE[:4]]),
        dice.choice([None, *TREE]),
        dice.sample(PEOPLE, dice.randint(0, 2)),
        dice.choice(THINGS),
        dice.sample(PROJECTS, dice.randint(0, 1)),
    )


def questions() -> Iterator[tuple[Snapshot, UUID, Question, RowAccess]]:
    dice = random.Random(4)
    for _ in range(WORLDS):
        world = a_world(dice)
        for _ in range(ASKED):
            field = dice.choice([None, "X.phone", "X.code"])
            action = "read" if field else dice.choice(["read", "update", "burn"])
            question = Question(dice.choice(["X", "X", "Y"]), action, field)
            yield world, dice.choice(PEOPLE), question, a_row(dice)


def enforced(
    guard: Guard, user: UUID, question: Question, row: RowAccess
) -> tuple[bool, Visibility | None]:
    """What a service does: a scope, the row, the redaction."""
    try:
        scope = guard.allow(Actor(user), question.object, question.action)
    except Denied:
        return False, Visibility.HIDDEN if question.field else None
    seen = scope.sees(row)
    if question.field is None:
        return seen, None
    shown = scope.redactor(question.field)(row, "1").visibility if seen else Visibility.HIDDEN
    return shown is not Visibility.HIDDEN, shown


def plainly(world: Snapshot, user: UUID, question: Question, row: RowAccess) -> bool:
    """What the rules say, read one by one without any of the compiled code."""
    denied = any(
        rule.effect == "deny" for rule in matching(world, user, question.object, question.action)
    )
    if denied or not reached(world, user, row, question.object, question.action):
        return False
    if question.field is None:
        return True
    if any(rule.effect == "deny" for rule in matching(world, user, question.field, "read")):
        return False
    return any(r != "hidden" for r in reached(world, user, row, question.field, "read"))


def reached(world: Snapshot, user: UUID, row: RowAccess, object: str, action: str) -> list[str]:
    """The redactions by which somebody reaches a row, themselves or for somebody else."""
    found = own(world, user, row, object, action)
    taker = world.users.get(user)
    if taker is None or not taker.active or taker.until <= NOW:
        return []
    for one in world.delegations:
        if (
            one.taker == user != one.giver
            and object in world.delegable
            and one.since <= NOW < one.until
            and (one.only is None or row.id in one.only)
            and not any(r.effect == "deny" for r in matching(world, one.giver, object, action))
        ):
            lent = replace(world, emergencies=())
            found += own(lent, one.giver, row, object, action, roles=one.roles)
    return found


def matching(
    world: Snapshot,
    user: UUID,
    object: str,
    action: str,
    roles: tuple[str, ...] | None = None,
) -> list[Rule]:
    """The rules that speak of somebody who works here now."""
    member = world.users.get(user)
    if member is None or not member.active or member.until <= NOW:
        return []
    names = {role for role in member.roles if roles is None or role in roles}
    before = set[str]()
    while names != before:
        before = set(names)
        names |= {above for role in before for above in world.roles.get(role, ())}
    said = {f"role:{name}" for name in names} | ({f"user:{user}"} if roles is None else set())
    return [
        rule
        for rule in world.rules
        if rule.subject in said and rule.object in (object, "*") and rule.action in (action, "*")
    ]


def own(
    world: Snapshot,
    user: UUID,
    row: RowAccess,
    object: str,
    action: str,
    roles: tuple[str, ...] | None = None,
) -> list[str]:
    """The redactions of the rules that reach a row from where somebody stands."""
    rules = matching(world, user, object, action, roles)
    if not rules or any(rule.effect == "deny" for rule in rules):
        return []
    member = world.users[user]

    def below(department: UUID | None) -> bool:
        while department is not None:
            if department == member.department:
                return True
            department = world.departments[department]
        return False

    holds = {
        "own": row.owner == user,
        "collaborating": user in row.collaborators,
        "department": row.department is not None and row.department == member.department,
        "subtree": member.department is not None and below(row.department),
        "project": any(project in row.projects for project, end in member.projects if end > NOW),
        "emergency": any(
            (one.user, one.row) == (user, row.id) and one.until > NOW for one in world.emergencies
        ),
        "pool": row.owner is None,
        "all": True,
    }
    return [rule.redaction for rule in rules if any(holds[part] for part in rule.rows.split("+"))]


def test_explains_what_is_enforced_for_ten_thousand_questions() -> None:
    guard, world, oracle = Guard(), None, None
    outcomes = dict.fromkeys(Outcome, 0)
    for snapshot, user, question, row in questions():
        if snapshot is not world:
            world = snapshot
            guard.swap(snapshot)
            oracle = _casbin(snapshot)
        said = explain(snapshot, user, question, row)

        outcomes[said.outcome] += 1
        context = (snapshot, user, question, row, said)
        assert (said.allowed, said.visibility) == enforced(guard, user, question, row), context
        assert said.allowed == plainly(snapshot, user, question, row), context
        anywhere = explain(snapshot, user, Question(question.object, question.action))
        member = snapshot.users.get(user)
        if (
            member
            and member.is_active_at(NOW)
            and all(one.taker != user for one in snapshot.delegations)
        ):
            assert oracle is not None
            asked = (f"user:{user}", question.object, question.action)
            assert anywhere.allowed == oracle.enforce(*asked), context
        assert _reasons_bear(said, question), context

    assert sum(outcomes.values()) == WORLDS * ASKED
    assert all(n > 50 for outcome, n in outcomes.items() if outcome is not Outcome.DEPENDS_ON_ROW)


def _casbin(snapshot: Snapshot) -> casbin.Enforcer:
    lines = [", ".join(line) for line in casbin_lines(snapshot)]
    return casbin.Enforcer(str(MODEL), StringAdapter("\n".join(lines)))


def _reasons_bear(said: Explanation, question: Question) -> bool:
    """Whether the reasons given are enough for the verdict given."""
    decisive = [line for line in said.lines if line.decides]
    about = [line for line in decisive if line.rule.object in (question.object, "*")]
    match said.outcome:
        case Outcome.ALLOWED:
            return bool(about) and all(line.rule.effect == "allow" for line in decisive)
        case Outcome.DENY_RULE:
            return any(line.rule.effect == "deny" for line in decisive)
        case Outcome.ROW_OUT_OF_REACH:
            failed = [line for line in said.lines if line.rule.object == question.object]
            return all(c.holds is False for line in failed for c in line.conditions)
        case _:
            return True


def test_finds_everybody_whom_asking_one_by_one_finds() -> None:
    found = 0
    for index, (snapshot, _, question, row) in enumerate(questions()):
        if index % 20:
            continue
        expected = [user for user in PEOPLE if plainly(snapshot, user, question, row)]

        assert [one.user_id for one in holders(snapshot, question, row)] == expected
        later = holders(snapshot, question, row, after=PEOPLE[4])
        assert [one.user_id for one in later] == [user for user in expected if user > PEOPLE[4]]
        found += len(expected)

    assert found > 200


def a_snapshot(*rules: Rule) -> Snapshot:
    member = Member(EAST, ("lead",))
    gone = Member(EAST, ("lead",), active=False)
    return Snapshot(
        7, rules, {"lead": ("seller",), "seller": ("all",)}, {ME: member, OTHER: gone}, TREE
    )


def test_shows_the_chain_of_roles_and_the_conditions_that_failed() -> None:
    far = Rule("role:all", "X", "read", "own+subtree")

    said = explain(a_snapshot(far), ME, Question("X", "read"), RowAccess(OTHER, WEST))

    assert (said.outcome, said.version) == (Outcome.ROW_OUT_OF_REACH, 7)
    assert [(line.rule, line.roles, line.decides) for line in said.lines] == [
        (far, ("lead", "seller", "all"), False)
    ]
    assert said.lines[0].conditions == (Condition("own", False), Condition("subtree", False))


def test_names_the_most_open_rule_that_reaches_the_row() -> None:
    read = Rule("role:lead", "X", "read")
    clear = Rule("role:lead", "X.phone", "read", "own")
    masked = Rule("role:seller", "X.phone", "read", "subtree", "mask:full")
    hidden = Rule("role:seller", "X.phone", "read", "all", "hidden")

    said = explain(
        a_snapshot(hidden, masked, clear, read),
        ME,
        Question("X", "read", "X.phone"),
        RowAccess(OTHER, DESK),
    )

    assert (said.outcome, said.visibility) == (Outcome.ALLOWED, Visibility.MASKED)
    assert [(line.rule, line.decides) for line in said.lines] == [
        (read, True),
        (clear, False),
        (masked, True),
        (hidden, False),
    ]


@pytest.mark.parametrize(
    ("rules", "user", "field", "outcome"),
    [
        ([Rule("role:lead", "X", "read")], UUID(int=5), None, Outcome.UNKNOWN_USER),
        ([Rule("role:lead", "X", "read")], OTHER, None, Outcome.SUSPENDED),
        ([Rule("role:lead", "Y", "read")], ME, None, Outcome.NO_RULE),
        (
            [Rule("role:lead", "X", "read"), Rule("role:all", "*", "read", effect="deny")],
            ME,
            None,
            Outcome.DENY_RULE,
        ),
        ([Rule("role:lead", "X", "read")], ME, "X.phone", Outcome.HIDDEN),
        ([Rule("role:lead", "X", "read")], ME, None, Outcome.ALLOWED),
        ([Rule("role:lead", "X", "read", "own")], ME, None, Outcome.DEPENDS_ON_ROW),
        (
            [Rule("role:lead", "X", "read"), Rule("role:lead", "X.phone", "read", "own")],
            ME,
            "X.phone",
            Outcome.DEPENDS_ON_ROW,
        ),
    ],
)
def test_tells_one_no_from_another_without_a_row(
    rules: list[Rule], user: UUID, field: str | None, outcome: Outcome
) -> None:
    assert explain(a_snapshot(*rules), user, Question("X", "read", field)).outcome is outcome
