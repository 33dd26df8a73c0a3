"""A large company as the policy sees it: 5,000 people, 1,386 departments six deep, 2,400 rules."""

from __future__ import annotations

import random
from uuid import UUID

from chassis.policy.rules import Member, Rule, Snapshot
from identity.core.domain.rulebook import RULEBOOK
from identity.policy.domain.starter import ROLES

PEOPLE, DEPARTMENTS, RULES, CUSTOM_ROLES = 5_000, 1_386, 2_400, 120


def department(number: int) -> UUID:
    return UUID(int=0xD << 64 | number)


def person(number: int) -> UUID:
    return UUID(int=0xA << 64 | number)


def tree() -> dict[UUID, UUID | None]:
    """One root, 5 divisions of 4 branches of 4 areas of 4 teams of 3 desks: 1 + 5 + … = 1,386."""
    parents: dict[UUID, UUID | None] = {department(0): None}
    level = [0]
    for width in (5, 4, 4, 4, 3):
        below = []
        for parent in level:
            for _ in range(width):
                number = len(parents)
                parents[department(number)] = department(parent)
                below.append(number)
        level = below
    while len(parents) < DEPARTMENTS:
        parents[department(len(parents))] = department(level[len(parents) % len(level)])
    return parents


def policy(version: int = 1) -> Snapshot:
    """The starter's roles, and as many of the company's own as make 2,400 rules."""
    dice = random.Random(4)
    rules = [rule for role in ROLES for rule in role.rules()]
    roles = {role.name: role.inherits for role in ROLES}
    own = [f"team_{n}" for n in range(CUSTOM_ROLES)]
    for n, role in enumerate(own):
        roles[role] = (dice.choice(["sales", "service", "marketing", "project_member"]),)
        if n:
            roles[role] += (dice.choice(own[max(0, n - 4) : n]),) if n % 7 else ()
    known = set(rules)
    while len(rules) < RULES:
        entry = dice.choice(RULEBOOK)
        rows = "+".join(sorted({dice.choice(entry.rows) for _ in range(2)}))
        rule = Rule(
            f"role:{dice.choice(own)}",
            entry.object,
            dice.choice(entry.actions),
            "all" if "all" in rows else rows,
            dice.choice(entry.redactions),
        )
        if rule not in known:
            known.add(rule)
            rules.append(rule)
    places = list(tree())
    members = {
        person(n): Member(dice.choice(places), tuple(dice.sample(own, 2))) for n in range(PEOPLE)
    }
    return Snapshot(version, tuple(rules), roles, members, tree())
