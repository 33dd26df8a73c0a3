"""What may be ruled is what is asked:
rulebook, starter policy, schemas and supergraph name the same things."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    FieldDefinitionNode,
    ObjectTypeDefinitionNode,
    parse,
)

from chassis.api.rights import RIGHT, Right
from chassis.policy.rules import Rule
from identity.core.domain.rulebook import OBJECTS, RULEBOOK
from identity.policy.domain.rule import drafted
from identity.policy.domain.starter import ROLES

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("identity", "customers", "activities", "integrations")
# The roles that the product promises; `provisioner` and `sync` are programs,
# `colleague` is everybody.
PROMISED = {
    "administrator",
    "data_steward",
    "sales",
    "sales_lead",
    "service",
    "marketing",
    "project_member",
    "external_collaborator",
    "auditor",
    "integration_engineer",
    "sre",
}
NOT_PEOPLE = {"provisioner", "sync", "colleague"}
# A customer's own channels are as sensitive as those of its people, and guarded by the same rules.
GUARDED_AS = {"Customer.phone": "Contact.mobile", "Customer.email": "Contact.email"}


def of_schemas() -> Iterator[tuple[str, str]]:
    """The rights that stand on the fields of the services' schemas."""
    for service in SERVICES:
        schema: Any = importlib.import_module(f"{service}.schema").schema
        for type_ in schema._schema.type_map.values():
            for field in getattr(type_, "fields", {}).values():
                definition = (field.extensions or {}).get("strawberry-definition")
                right = (getattr(definition, "metadata", None) or {}).get(RIGHT)
                if isinstance(right, Right):
                    yield right.object, right.action


def of_sources() -> Iterator[tuple[str, str]]:
    """The rights that resolvers and doors for files ask for by name; of an action that is only
    known as it runs, all that its file speaks of."""
    for service in SERVICES:
        trees = [
            ast.parse(path.read_text())
            for path in (ROOT / "services" / service / service).rglob("*.py")
        ]
        named = {
            target.id: _text(node.value)
            for tree in trees
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for tree in trees:
            spoken = {_text(node) for node in ast.walk(tree)}
            for node in ast.walk(tree):
                if not isinstance(node, ast.Call) or _called(node) not in ("scope", "may", "allow"):
                    continue
                words = [
                    named.get(one.id, "") if isinstance(one, ast.Name) else _text(one)
                    for one in node.args
                ]
                entry = next((OBJECTS[word] for word in words if word in OBJECTS), None)
                if entry is None:
                    continue
                said = [word for word in words if word in entry.actions]
                if not said and words[-1] == "":
                    said = [action for action in entry.actions if action in spoken]
                for action in said or ["read"]:
                    yield entry.object, action


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""


def _text(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def sensitive_fields() -> Iterator[str]:
    """The coordinates of the supergraph that answer with a text and how open it is."""
    for type_, field in fields():
        kind: Any = field.type
        while hasattr(kind, "type"):
            kind = kind.type
        if kind.name.value == "ProtectedText":
            yield f"{type_}.{field.name.value}"


def fields() -> Iterator[tuple[str, FieldDefinitionNode]]:
    document = parse((ROOT / "gateway" / "supergraph.graphql").read_text(), no_location=True)
    for node in document.definitions:
        if isinstance(node, ObjectTypeDefinitionNode):
            for field in node.fields or ():
                yield node.name.value, field


def test_every_right_that_is_asked_for_may_be_ruled_and_the_other_way_round() -> None:
    asked = set(of_schemas()) | set(of_sources())
    ruled = {
        (entry.object, action)
        for entry in RULEBOOK
        if not entry.sensitive
        for action in entry.actions
    }

    assert asked - ruled == set(), "add these to identity's rulebook"
    assert ruled - asked == set(), "no schema asks for these: take them out of the rulebook"


def test_every_object_of_the_rulebook_is_a_type_of_the_supergraph() -> None:
    types = {type_ for type_, _ in fields()}

    assert {entry.object.partition(".")[0] for entry in RULEBOOK} <= types


def test_every_sensitive_field_of_a_thing_has_a_coordinate() -> None:
    """Types that are not entities (a claim, a preview) show values of these fields again."""
    things = {entry.object for entry in RULEBOOK}
    found = {
        GUARDED_AS.get(coordinate, coordinate)
        for coordinate in sensitive_fields()
        if coordinate.partition(".")[0] in things
    }
    coordinates = {
        re.sub(r"_([a-z])", lambda m: m[1].upper(), entry.object): entry.object
        for entry in RULEBOOK
        if entry.sensitive
    }

    assert found - coordinates.keys() == set()
    assert {name for name in coordinates if name not in found} <= {"SourceRecord.payload"}


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_the_starter_policy_is_written_as_an_administrator_would_have_to(role: Any) -> None:
    rules = list(role.rules())

    assert rules
    assert len(set(rules)) == len(rules)
    for rule in rules:
        assert _drafted(rule) == rule


def test_the_starter_policy_has_every_role_that_is_promised() -> None:
    names = {role.name for role in ROLES}

    assert names >= PROMISED
    assert names - PROMISED >= NOT_PEOPLE
    assert all(set(role.inherits) <= names for role in ROLES)


def _drafted(rule: Rule) -> Rule:
    return drafted(
        subject=rule.subject,
        object=rule.object,
        action=rule.action,
        rows=rule.rows,
        redaction=rule.redaction,
        effect=rule.effect,
    )
