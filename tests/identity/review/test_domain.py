"""What somebody was given, held against what they used."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from chassis.policy.rules import DENY, Member, Rule, Snapshot
from identity.ledger.domain.right_use import Use
from identity.review.domain import Grant, ReviewKind, grants_of, reviewer_of, rights_of

ADA, BO, CAI = (UUID(int=n) for n in (1, 2, 3))
ROOT, EAST = UUID(int=11), UUID(int=12)
MONDAY = date(2026, 11, 2)
OWN = UUID(int=21)
POLICY = Snapshot(
    1,
    (
        Rule("role:clerk", "Customer", "read"),
        Rule("role:clerk", "Customer", "update"),
        Rule("role:boss", "Report", "read"),
        Rule("role:boss", "Customer", "delete", effect=DENY),
        Rule("role:admin", "*", "*"),
        Rule(f"user:{ADA}", "Trace", "read"),
    ),
    roles={"boss": ("clerk",)},
    users={
        ADA: Member(EAST, ("clerk", "boss")),
        BO: Member(ROOT, ("admin",)),
        CAI: Member(EAST, ("clerk",), active=False),
    },
    departments={ROOT: None, EAST: ROOT},
)
RULES = {OWN: POLICY.rules[-1]}


def found(user: UUID, **used: int) -> dict[str, Grant]:
    uses = {tuple(k.split("__")): Use(n, MONDAY) for k, n in used.items()}
    return {one.name: one for one in grants_of(POLICY, user, ("clerk",), RULES, uses)}  # type: ignore[arg-type]  # two parts each


def test_a_role_that_another_one_covers_would_not_be_missed() -> None:
    ours = found(ADA, Customer__read=5)

    assert (ours["clerk"].granted, ours["clerk"].used) == (2, 1)
    assert (ours["clerk"].only_here, ours["clerk"].only_here_used) == (0, 0)
    assert (ours["boss"].granted, ours["boss"].only_here, ours["boss"].unused) == (3, 1, True)
    assert ours["clerk"].last_used == MONDAY


def test_kinds_tell_hand_directory_and_rule() -> None:
    assert {one.kind for one in found(ADA).values()} == set(ReviewKind)
    assert found(ADA)["Trace read all clear"].rule == OWN


def test_a_right_to_everything_counts_whatever_was_done() -> None:
    admin = found(BO, Customer__read=3, Report__print=1)["admin"]

    assert (admin.granted, admin.used, admin.only_here_used) == (1, 1, 2)
    assert not admin.unused


def test_who_is_not_active_has_nothing() -> None:
    assert found(CAI) == {}


def test_rights_are_listed_with_the_way_to_them_unused_first() -> None:
    listed = rights_of(POLICY, ADA, {("Customer", "read"): Use(4, MONDAY)})

    assert [(one.object, one.action, one.through) for one in listed][-1] == (
        "Customer",
        "read",
        "clerk",
    )
    assert [one.use for one in listed[:-1]] == [None] * 3
    assert ("Report", "read", "boss") in [(o.object, o.action, o.through) for o in listed]


def test_a_reviewer_is_the_nearest_above_and_never_oneself() -> None:
    candidates = {BO: POLICY.users[BO], ADA: POLICY.users[ADA]}

    assert reviewer_of(POLICY, CAI, candidates, None) == ADA
    assert reviewer_of(POLICY, ADA, candidates, None) == BO
    assert reviewer_of(POLICY, BO, candidates, None) is None
    assert reviewer_of(POLICY, BO, candidates, ADA) == ADA
