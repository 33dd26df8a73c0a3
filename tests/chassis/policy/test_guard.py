"""The compiled table decides as Casbin does, and SQL filters as Python does."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import casbin
import pytest
from casbin.persist.adapters.string_adapter import StringAdapter
from hypothesis import given, settings, strategies as st
from sqlalchemy import Column, MetaData, Table, Uuid, column, create_engine, insert, select
from sqlalchemy.dialects.postgresql import ARRAY

from chassis import policy
from chassis.actor import Actor
from chassis.db import driver_url
from chassis.errors import Denied, Unauthenticated, Unavailable
from chassis.policy.compiling import compile_rules
from chassis.policy.guard import KEPT_SECONDS, STALE_AFTER_SECONDS, Guard
from chassis.policy.masks import Protected, Visibility, redact
from chassis.policy.row_scopes import RowAccess, RowColumns
from chassis.policy.rules import (
    FOR_EVER,
    ROWS,
    Delegation,
    Emergency,
    Member,
    Rule,
    Snapshot,
    casbin_lines,
)
from tests.support.budget import examples

MODEL = Path(policy.__file__).with_name("model.conf")
ME, OTHER = UUID(int=1), UUID(int=2)
ROOT, TEAM, DESK = UUID(int=10), UUID(int=11), UUID(int=12)
OURS, THEIRS = UUID(int=20), UUID(int=21)
THINGS = [UUID(int=n) for n in range(30, 34)]
TREE = {ROOT: None, TEAM: ROOT, DESK: TEAM}

names = st.sampled_from(["a", "b", "c"])
objects = st.sampled_from(["X", "Y", "*"])
actions = st.sampled_from(["read", "update", "*"])
rules = st.builds(
    Rule,
    subject=st.one_of(names.map(lambda n: f"role:{n}"), st.just(f"user:{ME}")),
    object=objects,
    action=actions,
    effect=st.sampled_from(["allow", "allow", "allow", "deny"]),
)
# Roles may inherit from roles after them, so there is no circle.
inheritance = st.fixed_dictionaries(
    {"a": st.lists(st.sampled_from(["b", "c"]), max_size=2, unique=True).map(tuple)},
    optional={"b": st.just(("c",))},
)
members = st.builds(
    Member,
    department=st.none(),
    roles=st.lists(names, max_size=2, unique=True).map(tuple),
    active=st.booleans(),
)


@given(rules=st.lists(rules, max_size=12).map(tuple), roles=inheritance, member=members)
@settings(max_examples=examples(300))
def test_decides_what_casbin_decides(
    rules: tuple[Rule, ...], roles: dict[str, tuple[str, ...]], member: Member
) -> None:
    snapshot = Snapshot(1, rules, roles, {ME: member})
    lines = "\n".join(", ".join(line) for line in casbin_lines(snapshot))
    # An inactive person has no role in Casbin, and rules about the person alone do not count.
    if not member.active:
        lines = "\n".join(line for line in lines.splitlines() if f"user:{ME}" not in line)
    lines += "\np, role:nobody, nothing, never, all, clear, allow"  # the adapter wants a line
    oracle = casbin.Enforcer(str(MODEL), StringAdapter(lines))
    compiled = compile_rules(snapshot, ME)

    for object in ("X", "Y", "Z"):
        for action in ("read", "update", "delete"):
            expected = oracle.enforce(f"user:{ME}", object, action)

            assert compiled.may(object, action) == expected, (object, action, lines)


def a_guard(*rules: Rule, department: UUID | None = TEAM) -> Guard:
    guard = Guard()
    member = Member(department, ("sales",), projects=((OURS, time.time() + 1e6),))
    taken = (Emergency(ME, THINGS[0], time.time() + 1e6),)
    guard.swap(Snapshot(7, rules, {}, {ME: member}, TREE, emergencies=taken))
    return guard


def standing_in(*rules: Rule, only: frozenset[UUID] | None = None) -> Guard:
    """I stand in for the other one, who sells."""
    people = {ME: Member(None, ()), OTHER: Member(TEAM, ("sales",))}
    lent = Delegation(OTHER, ME, 0.0, time.time() + 1e6, only=only)
    guard = Guard()
    guard.swap(Snapshot(7, rules, {}, people, TREE, delegations=(lent,), delegable=frozenset("X")))
    return guard


@pytest.mark.parametrize("lent", [False, True])
@pytest.mark.parametrize("rows", [*ROWS, "own+pool", "collaborating+subtree", "own+department"])
def test_filters_in_sql_what_it_filters_in_python(rows: str, lent: bool, database) -> None:  # type: ignore[no-untyped-def]
    things = Table(
        "thing",
        MetaData(),
        Column("id", Uuid, primary_key=True),
        Column("owner", Uuid),
        Column("department", Uuid),
        Column("collaborators", ARRAY(Uuid), nullable=False),
        Column("projects", ARRAY(Uuid), nullable=False),
    )
    everything: list[dict[str, Any]] = [
        {
            "owner": owner,
            "department": department,
            "collaborators": team,
            "projects": projects,
        }
        for owner in (None, ME, OTHER)
        for department in (None, ROOT, TEAM, DESK)
        for team in ([], [OTHER], [OTHER, ME])
        for projects in ([], [THEIRS], [THEIRS, OURS])
    ]
    everything = [
        row | {"id": THINGS[n] if n < len(THINGS) else uuid4()} for n, row in enumerate(everything)
    ]
    made = standing_in if lent else a_guard
    scope = made(Rule("role:sales", "X", "read", rows)).allow(Actor(ME), "X", "read")
    columns = RowColumns(*(things.c[name] for name in RowColumns.__slots__))

    engine = create_engine(driver_url(database()))
    with engine.begin() as connection:
        things.metadata.create_all(connection)
        connection.execute(insert(things), everything)
        found = set(connection.scalars(select(things.c.id).where(scope.where(columns))))
    engine.dispose()

    assert found == {
        row["id"]
        for row in everything
        if scope.sees(RowAccess(*(row[name] for name in RowAccess.__slots__)))
    }
    if lent and rows in ("project", "emergency"):
        assert not found  # the other one is on no project, and emergencies are not lent
    else:
        assert 0 < len(found) < len(everything) or rows == "all"


def test_lends_some_rows_only_and_says_for_whom_one_acts() -> None:
    guard = standing_in(
        Rule("role:sales", "X", "read", "all"), only=frozenset({THINGS[0], THINGS[1]})
    )

    scope = guard.allow(Actor(ME), "X", "read")

    assert not scope.everything
    assert scope.sees(RowAccess(None, None, id=THINGS[1]))
    assert not scope.sees(RowAccess(OTHER, TEAM, id=THINGS[2]))
    assert scope.at(RowAccess(None, None, id=THINGS[1])).actor == Actor(ME, on_behalf_of=OTHER)
    assert str(scope.where(RowColumns(column("o"), column("d")))) == "false"


def test_lends_no_object_that_is_not_for_lending() -> None:
    guard = standing_in(Rule("role:sales", "*", "*"))

    assert guard.permissions(Actor(ME)).may("X", "read")
    assert not guard.permissions(Actor(ME)).may("Rule", "update")


def test_ends_what_has_an_end_without_any_news() -> None:
    calendar = [1000.0]
    guard = Guard(calendar=lambda: calendar[0])
    rules = (
        Rule("role:sales", "X", "read", "project"),
        Rule("role:sales", "X", "update", "emergency"),
        Rule("role:boss", "X", "delete", "all"),
    )
    people = {
        ME: Member(TEAM, ("sales",), until=1030.0, projects=((OURS, 1010.0),)),
        OTHER: Member(TEAM, ("boss",)),
    }
    taken, lent = Emergency(ME, THINGS[0], 1020.0), Delegation(OTHER, ME, 1005.0, 1015.0)
    guard.swap(
        Snapshot(
            1,
            rules,
            {},
            people,
            delegations=(lent,),
            emergencies=(taken,),
            delegable=frozenset("X"),
        )
    )
    row = RowAccess(None, None, (), THINGS[0], (OURS,))

    def may_at(moment: float) -> list[str]:
        calendar[0] = moment
        permissions = guard.permissions(Actor(ME))
        return [
            action
            for action in ("read", "update", "delete")
            if permissions.may("X", action) and permissions.allow(Actor(ME), "X", action).sees(row)
        ]

    assert may_at(1000.0) == ["read", "update"]
    assert may_at(1005.0) == ["read", "update", "delete"]
    assert may_at(1010.0) == ["update", "delete"]
    assert may_at(1015.0) == ["update"]
    assert may_at(1020.0) == []
    guard.refuse_ended_access(Actor(ME))
    assert may_at(1030.0) == []
    with pytest.raises(Unauthenticated):
        guard.refuse_ended_access(Actor(ME))


def test_refuses_what_no_rule_permits() -> None:
    guard = a_guard(Rule("role:sales", "X", "read"))

    with pytest.raises(Denied, match="update X"):
        guard.allow(Actor(ME), "X", "update")
    with pytest.raises(Denied):
        guard.allow(Actor(OTHER), "X", "read")


def test_knows_nothing_before_the_first_policy() -> None:
    with pytest.raises(Unavailable):
        Guard().allow(Actor(ME), "X", "read")


def test_refuses_everything_when_the_policy_was_not_confirmed_for_long() -> None:
    now = [100.0]
    guard = Guard(clock=lambda: now[0])
    guard.swap(Snapshot(1, (Rule("role:sales", "X", "read"),), {}, {ME: Member(None, ("sales",))}))
    guard.allow(Actor(ME), "X", "read")

    now[0] += STALE_AFTER_SECONDS

    with pytest.raises(Unavailable):
        guard.allow(Actor(ME), "X", "read")


def test_shows_the_most_open_value_a_row_permits() -> None:
    guard = a_guard(
        Rule("role:sales", "X", "read"),
        Rule("role:sales", "X.phone", "read", "subtree", "mask:first3last4"),
        Rule("role:sales", "X.phone", "read", "own", "clear"),
    )
    show = guard.allow(Actor(ME), "X", "read").redactor("X.phone")

    assert show(RowAccess(ME, ROOT), "13900001234") == Protected("13900001234", Visibility.CLEAR)
    assert show(RowAccess(OTHER, DESK), "13900001234") == Protected(
        "139****1234", Visibility.MASKED
    )
    assert show(RowAccess(OTHER, ROOT), "13900001234") == Protected(None, Visibility.HIDDEN)


def test_hides_a_sensitive_field_no_rule_speaks_of() -> None:
    show = a_guard(Rule("role:sales", "X", "read")).allow(Actor(ME), "X", "read")

    assert show.redactor("X.phone")(RowAccess(ME, TEAM), "1") == Protected(None, Visibility.HIDDEN)


PHONE = "+8613900001234"
MAIL = "zhao@example.com"


@pytest.mark.parametrize(
    ("redaction", "phone", "mail"),
    [
        ("clear", PHONE, MAIL),
        ("mask:first3last4", "+86*******1234", "zha*********.com"),
        ("mask:domain", "***", "***@example.com"),
        ("mask:first1", "+*************", "z***************"),
        ("mask:full", "***", "***"),
        ("mask:hash", "***", "***"),  # without a secret there is nothing to key it with
        ("hidden", None, None),
    ],
)
def test_every_redaction_shows_what_the_documentation_says(
    redaction: str, phone: str | None, mail: str | None
) -> None:
    assert [redact(redaction, text).text for text in (PHONE, MAIL)] == [phone, mail]


def test_nothing_of_a_short_value_is_left_where_a_mask_would_show_most_of_it() -> None:
    assert redact("mask:first3last4", "12345678").text == "***"
    assert redact("mask:first1", "李").text == "***"
    assert redact("mask:domain", "no address").text == "***"


def shown_with(secret: str, coordinate: str, text: str) -> str | None:
    guard = Guard(secret=secret)
    rules = (Rule("role:sales", "X", "read"), Rule("role:sales", "*", "read", "all", "mask:hash"))
    guard.swap(Snapshot(1, rules, {}, {ME: Member(TEAM, ("sales",))}, TREE))
    show = guard.allow(Actor(ME), "X", "read").redactor(coordinate)
    return show(RowAccess(OTHER, ROOT), text).text


def test_a_hash_is_equal_for_equal_values_of_one_company_and_field_only() -> None:
    house, other = "s" * 32, "t" * 32
    said = shown_with(house, "X.phone", PHONE)

    assert said is not None
    assert re.fullmatch("#[a-z2-7]{16}", said)
    assert shown_with(house, "X.phone", PHONE) == said
    different = {
        shown_with(house, "X.phone", PHONE[:-1] + "5"),
        shown_with(house, "X.mail", PHONE),
        shown_with(other, "X.phone", PHONE),
    }
    assert len(different | {said}) == 4


def test_the_rows_of_a_clear_field_are_those_where_its_reader_sees_it_clear() -> None:
    guard = a_guard(
        Rule("role:sales", "X", "read"),
        Rule("role:sales", "X.phone", "read", "all", "mask:hash"),
        Rule("role:sales", "X.phone", "read", "own", "clear"),
    )
    scope = guard.allow(Actor(ME), "X", "read")
    clear = scope.clear_in("X.phone")

    assert scope.everything
    assert not clear.everything
    assert clear.sees(RowAccess(ME, ROOT))
    assert not clear.sees(RowAccess(OTHER, TEAM))
    assert not scope.clear_in("X.mail").sees(RowAccess(ME, ROOT))
    assert clear.within(scope)
    assert clear.within(clear)
    assert not scope.within(clear)
    assert not clear.within(scope.clear_in("X.mail"))


def test_survives_the_way_through_json() -> None:
    snapshot = Snapshot(
        3,
        (Rule("role:a", "X", "read", "own+pool", "mask:full", "deny"),),
        {"a": ("b",)},
        {
            ME: Member(TEAM, ("a",), until=9.5, projects=((OURS, 8.5), (THEIRS, FOR_EVER))),
            OTHER: Member(None, (), active=False),
        },
        TREE,
        (Delegation(ME, OTHER, 1.0, 2.0, ("a",), frozenset(THINGS)), Delegation(OTHER, ME, 1, 2)),
        (Emergency(ME, THINGS[0], 3.0),),
        frozenset({"X", "X.phone"}),
    )

    assert Snapshot.from_json(snapshot.to_json()) == snapshot


def test_a_replaced_version_answers_for_a_moment_what_was_begun_under_it() -> None:
    now = [100.0]
    guard = Guard(clock=lambda: now[0])
    people = {ME: Member(None, ("sales",))}
    guard.swap(Snapshot(1, (Rule("role:sales", "X", "read"),), {}, people))
    guard.swap(Snapshot(2, (Rule("role:sales", "Y", "read"),), {}, people))

    assert guard.permissions(Actor(ME), 1).may("X", "read")
    assert not guard.permissions(Actor(ME)).may("X", "read")
    assert guard.snapshot_at(1).version == 1

    now[0] += KEPT_SECONDS
    for version in (1, 3):
        with pytest.raises(Unavailable, match="try again"):
            guard.permissions(Actor(ME), version)
    assert guard.permissions(Actor(ME), 2).version == 2
