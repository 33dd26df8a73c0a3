"""The policy of a large company: 5,000 people, 1,386 departments at six levels, 2,400 rules."""

from __future__ import annotations

import random
from uuid import UUID

from chassis.policy.rules import Member, Rule, Snapshot
from identity.core.domain.rulebook import RULEBOOK
from identity.policy.domain.starter import ROLES

PEOPLE, DEPARTMENTS, RULES, CUSTOM_ROLES = 5_000, 1_386, 2_400, 120


def department(number: int) -> UUID:
    """Return the id of a department."""
    return UUID(int=0xD << 64 | number)


def person(number: int) -> UUID:
    """Return the id of a person."""
    return UUID(int=0xA << 64 | number)


def tree() -> dict[UUID, UUID | None]:
    """Return the parents of departments.

    One root, 5 divisions of 4 branches of 4 areas of 4 teams of 3 desks: 1 + 5 + … = 1,386.
    """
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
    """Return the roles of the starter policy, and custom roles up to 2,400 rules."""
    dice = random.Random(4)
    rules = [rule for role in ROLES for rule in role.rules()]
    roles = {role.name: role.inherits for role in ROLES}
    custom = [f"team_{n}" for n in range(CUSTOM_ROLES)]
    for n, role in enumerate(custom):
        roles[role] = (dice.choice(["sales", "service", "marketing", "project_member"]),)
        if n:
            roles[role] += (dice.choice(custom[max(0, n - 4) : n]),) if n % 7 else ()
    unique = set(rules)
    while len(rules) < RULES:
        entry = dice.choice(RULEBOOK)
        rows = "+".join(sorted({dice.choice(entry.rows) for _ in range(2)}))
        rule = Rule(
            f"role:{dice.choice(custom)}",
            entry.object,
            dice.choice(entry.actions),
            "all" if "all" in rows else rows,
            dice.choice(entry.redactions),
        )
        if rule not in unique:
            unique.add(rule)
            rules.append(rule)
    departments = list(tree())
    members = {
        person(n): Member(dice.choice(departments), tuple(dice.sample(custom, 2)))
        for n in range(PEOPLE)
    }
    return Snapshot(version, tuple(rules), roles, members, tree())
