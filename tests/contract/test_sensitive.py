"""What is sensitive is declared in the schema, the policy knows what guards it, and nothing is
reached without a guard."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Any
from uuid import UUID, uuid4

import pytest
from graphql import (
    GraphQLField,
    GraphQLInputField,
    GraphQLObjectType,
    GraphQLSchema,
    build_ast_schema,
    get_named_type,
    parse,
)

from chassis.actor import Actor
from chassis.api.context import Context
from chassis.api.rights import RIGHT
from chassis.errors import HuichiError
from chassis.policy.guard import Guard
from chassis.policy.rules import Member, Snapshot
from identity.core.domain.rulebook import RULEBOOK
from onebox.schemas import SUBGRAPHS
from tests.support.sensitive import Part, declared, parts, supergraph

PROTECTED = {"ProtectedText", "ProtectedJson"}
# An entity that any signed-in person may point at, since it says nothing but the id it was given;
# every other field of it must ask for a right.
POINTED_AT = {
    ("activities", "Customer"),
    ("integrations", "Customer"),
    ("customers", "Changeset"),
    ("customers", "OffBoarding"),
    ("activities", "OffBoarding"),
}


def is_protected(part: Part) -> bool:
    return isinstance(part, GraphQLField) and get_named_type(part.type).name in PROTECTED


def sensitive_names(schema: GraphQLSchema) -> set[str]:
    """Names that only sensitive fields have: an argument called so holds the same."""
    outputs = [(c, p) for c, p in parts(schema) if isinstance(p, GraphQLField)]
    said = {c.split(".")[1] for c, p in outputs if declared(p)}
    return said - {c.split(".")[1] for c, p in outputs if not declared(p)}


def undeclared(schema: GraphQLSchema) -> list[str]:
    """Coordinates that should say that they are sensitive and do not."""
    names = sensitive_names(schema)
    found = []
    for coordinate, part in parts(schema):
        owner, _, rest = coordinate.partition(".")
        name = rest.rpartition("(")[2].rstrip(":)")
        twins = [
            f"{kind}.{name}"
            for kind in schema.type_map
            if isinstance(schema.type_map[kind], GraphQLObjectType)
            and owner.startswith(kind)
            and isinstance(part, GraphQLInputField)
        ]
        by_coordinate = dict(parts(schema))
        same = any(twin in by_coordinate and declared(by_coordinate[twin]) for twin in twins)
        enters = not isinstance(part, GraphQLField) and (name in names or same)
        if (is_protected(part) or enters) and declared(part) is None:
            found.append(coordinate)
    return found


def test_every_value_of_a_protected_kind_and_every_argument_like_it_is_declared() -> None:
    assert undeclared(supergraph()) == []


def test_a_missing_declaration_is_caught() -> None:
    text = """
      directive @sensitive(level: String!, by: [String!]!) on FIELD_DEFINITION | ARGUMENT_DEFINITION
      type ProtectedText { text: String }
      type Query { people(mobile: String): [Person] }
      type Person { mobile: ProtectedText @sensitive(level: "L3", by: ["P.m"]) mail: ProtectedText }
      input PersonSet { mobile: String }
    """

    assert undeclared(build_ast_schema(parse(text))) == [
        "Query.people(mobile:)",
        "Person.mail",
        "PersonSet.mobile",
    ]


def test_the_policy_knows_everything_that_guards_a_value_and_guards_nothing_else() -> None:
    used = {o for _, part in parts(supergraph()) for o in (declared(part) or {"by": ()})["by"]}

    assert used == {entry.object for entry in RULEBOOK if entry.sensitive}


def test_the_levels_are_the_known_ones() -> None:
    levels = {said["level"] for _, part in parts(supergraph()) if (said := declared(part))}

    assert levels == {"L2", "L3"}


# ------------------------------------------------------------------------------------- entities


class NoDoor:
    """A database that must not be asked by somebody who has no right to anything."""

    async def read(self, query: object, *_: object, **__: object) -> Any:
        raise AssertionError(f"{query} read rows for somebody without a right")

    write = read


def entities() -> list[Any]:
    found = []
    for service in SUBGRAPHS:
        schema = import_module(f"{service}.schema").schema
        for name, keys in schema._entity_keys.items():
            found.append(pytest.param(service, name, keys, id=f"{service}-{name}"))
    return found


def nobody(service: str) -> Context:
    me = UUID(int=1)
    guard = Guard()
    guard.swap(Snapshot(1, (), {}, {me: Member(None, ())}))
    ctx: Context = Context(db=NoDoor(), guard=guard, actor=Actor(me))  # type: ignore[arg-type]  # stands for it
    return ctx


@pytest.mark.parametrize(("service", "name", "keys"), entities())
def test_every_entity_is_guarded_before_a_row_is_read(service: str, name: str, keys: Any) -> None:
    schema = import_module(f"{service}.schema").schema
    definition = schema.schema_converter.type_map[name].definition
    given = {keys.all[key]: str(uuid4()) for key in keys.required}
    if name == "Connector":
        given = {"id": "rest"}  # they come with the program, so this one is there

    class Info:
        context = nobody(service)
        path = None

    resolve = definition.origin.resolve_reference
    takes_info = "info" in resolve.__code__.co_varnames[: resolve.__code__.co_argcount + 1]

    async def asked() -> Any:
        found = resolve(Info, **given) if takes_info else resolve(**given)
        return await found if asyncio.iscoroutine(found) else found

    try:
        found = asyncio.run(asked())
    except HuichiError:
        return
    if found is None:
        return
    assert (service, name) in POINTED_AT, f"{name} is answered to somebody without a right"
    open_to_all = [
        field.name
        for field in definition.fields
        if field.name not in (*keys.all.values(), "whole") and RIGHT not in (field.metadata or {})
    ]
    assert open_to_all == []
