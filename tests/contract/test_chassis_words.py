"""The chassis is plumbing: no line of it speaks of an entity of the business."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import pytest
from graphql import InterfaceTypeDefinitionNode, ObjectTypeDefinitionNode, parse

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = sorted(ROOT.glob("services/*/schema.graphql"))
SOURCES = sorted((ROOT / "chassis" / "chassis").rglob("*.py"))

# Words of GraphQL, of Relay and of plumbing itself, which the chassis defines or names by right.
PLUMBING = {"Query", "Mutation", "Subscription", "PageInfo", "UserError", "_Service"}


def entities(schema: str) -> set[str]:
    """The entities of a subgraph: its types with a key that it resolves itself."""
    found = set()
    for node in parse(schema).definitions:
        if isinstance(node, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode):
            keys = [d for d in node.directives or () if d.name.value == "key"]
            if keys and node.name.value not in PLUMBING:
                found.add(node.name.value)
    return found


def spellings(entity: str) -> list[str]:
    """`FollowUp` may also be written follow_up, followUp, follow-up, and in the plural."""
    parts = [part.lower() for part in re.findall(r"[A-Z][a-z0-9]*", entity)]
    return [r"[ _-]?".join(parts) + r"(s|es)?"]


# Names of entities that are also words of plumbing: a Celery task, a policy rule, a role, a user,
# a session of the database are what these pipes are made of.
# A project is what a row scope is called.
SHARED = {"User", "Role", "Rule", "Session", "Task", "Department", "Project"}


def test_the_business_has_names_to_look_for() -> None:
    if not SCHEMAS:
        pytest.skip("no schema.graphql is checked in yet; run make schemas")
    names = set().union(*(entities(path.read_text()) for path in SCHEMAS))

    assert {"Customer", "Contact", "FollowUp", "Installation", "SyncRun"} <= names


@functools.cache
def names_of_entities() -> re.Pattern[str]:
    """What no line may hold."""
    names = set().union(*(entities(schema.read_text()) for schema in SCHEMAS)) - SHARED
    words = [word for name in sorted(names) for word in spellings(name)]
    return re.compile(rf"\b({'|'.join(words) or '(?!)'})\b", re.IGNORECASE)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_names_no_entity(path: Path) -> None:
    pattern = names_of_entities()

    found = [
        f"line {number}: {line.strip()}"
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if pattern.search(line)
    ]

    assert found == []
