"""Random policies, people and customers, and the questions that are asked about them."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from chassis.policy.rules import FOR_EVER, REDACTIONS, Emergency, Member, Rule, Snapshot

# What the oracles of this folder know of; a new row scope is told to all of them first.
SCOPES = (
    "own",
    "collaborating",
    "department",
    "subtree",
    "project",
    "emergency",
    "pool",
    "all",
)
# Far enough from now that no question is asked while something begins or ends.
BEFORE, AFTER = time.time() - 1e6, time.time() + 1e6
PROJECTS = tuple(UUID(int=n) for n in range(0xE0, 0xE0 + 4))
CODE = "Customer.unified_social_credit_code"
NAME, MOBILE, EMAIL = "Contact.name", "Contact.mobile", "Contact.email"
FIELDS = (CODE, NAME, MOBILE, EMAIL)
OBJECTS = ("Customer", "Contact", "Tag")
ROLES = tuple("abcdefgh")
AUDITOR = UUID(int=0xA0)
PEOPLE = tuple(UUID(int=n) for n in range(0xB0, 0xB0 + 24))
STRANGER = UUID(int=0xFF)

Kind = tuple[str, str | None, str]
KINDS: tuple[Kind, ...] = (
    ("Customer", None, "read"),
    ("Customer", None, "update"),
    ("Customer", CODE, "read"),
    ("Customer", MOBILE, "read"),
    ("Customer", EMAIL, "read"),
    ("Contact", None, "read"),
    ("Contact", None, "update"),
    ("Contact", NAME, "read"),
    ("Contact", MOBILE, "read"),
    ("Contact", EMAIL, "read"),
    ("Tag", None, "read"),
)
YES, NO = "yes", "no"


@dataclass(frozen=True, slots=True)
class Thing:
    """A customer with one contact; what the policy looks at, and what it guards."""

    id: UUID
    contact: UUID
    owner: UUID | None
    department: UUID | None
    collaborators: tuple[UUID, ...]
    projects: tuple[UUID, ...]
    values: tuple[tuple[str, str | None, str], ...]
    """Object, field and text of everything that is sensitive."""


@dataclass(frozen=True, slots=True)
class Asked:
    """May this person do it to this row? For a field: what are they shown?"""

    user: UUID
    thing: Thing
    kind: Kind


def a_tree(dice: random.Random) -> dict[UUID, UUID | None]:
    """Nine departments below each other, somehow."""
    ids = [UUID(int=0xD0 + n) for n in range(9)]
    return {id: dice.choice(ids[:n]) if n else None for n, id in enumerate(ids)}


def works(member: Member) -> bool:
    """Whether somebody has any right now."""
    return member.active and member.until > AFTER - 1e6


def a_policy(dice: random.Random, version: int, things: Sequence[Thing]) -> Snapshot:
    """Roles that inherit, denies, wildcards, every row scope and every redaction; people who are
    gone, projects and emergencies that are over or go on."""
    tree = a_tree(dice)
    made = dict.fromkeys(_rule(dice) for _ in range(dice.randint(15, 60)))
    return Snapshot(
        version=version,
        rules=(*made, Rule(f"user:{AUDITOR}", "Rule", "read")),
        roles={
            # Each role inherits from later ones only, so there is no circle.
            role: tuple(dice.sample(ROLES[n + 1 :], min(dice.randint(0, 2), len(ROLES) - n - 1)))
            for n, role in enumerate(ROLES)
        },
        users={
            AUDITOR: Member(None, ()),
            **{
                person: Member(
                    dice.choice([None, *tree, *tree]),
                    tuple(dice.sample(ROLES, dice.choice([0, 1, 2, 3, 4]))),
                    active=dice.random() < 0.95,
                    until=dice.choice([FOR_EVER, FOR_EVER, AFTER])
                    if dice.random() < 0.95
                    else BEFORE,
                    projects=tuple(
                        (one, dice.choice([FOR_EVER, AFTER, BEFORE]))
                        for one in dice.sample(PROJECTS, dice.choice([0, 1, 2]))
                    ),
                )
                for person in PEOPLE
            },
        },
        departments=tree,
        emergencies=tuple(
            Emergency(dice.choice(PEOPLE), dice.choice(things).id, dice.choice([AFTER, BEFORE]))
            for _ in range(60)
        ),
    )


def _rule(dice: random.Random) -> Rule:
    subject = f"role:{dice.choice(ROLES)}"
    if dice.random() < 0.15:
        subject = f"user:{dice.choice(PEOPLE)}"
    object = dice.choice([*OBJECTS, "Customer", "Customer", "Contact", *FIELDS, *FIELDS, "*"])
    action = dice.choice(["read", "read", "read", "update", "*"])
    if object in FIELDS:
        action = dice.choice(["read", "read", "*"])
    if dice.random() < 0.02:
        return Rule(subject, object, action, effect="deny")
    rows = "all" if object == "*" else "+".join(dice.sample(SCOPES, dice.choice([1, 2, 2, 3])))
    return Rule(
        subject, object, action, rows, dice.choice(REDACTIONS) if object in FIELDS else "clear"
    )


def questions(
    dice: random.Random, things: Sequence[Thing], people: Sequence[UUID], most: int
) -> list[Asked]:
    """Different ones, spread over people, rows and kinds."""
    every = [Asked(user, thing, kind) for user in people for thing in things for kind in KINDS]
    return dice.sample(every, min(most, len(every)))
