"""`__schema` and `__type` are fields of the query root wherever it stands,
also below another field."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from graphql import execute_sync, parse

from gateway.execution.executable import Executable
from gateway.execution.transport import Answer, Request
from gateway.operation import parse_operation
from gateway.planning import plan
from tests.gateway.graphs import a_supergraph

A = """
    type Query { me: User! users: [User]! node: Node }
    type Mutation { rename: Renamed }
    type Renamed { query: Query }
    type User @key(fields: "id") { id: ID! name: String root: Query }
    type Pool { name: String root: Query }
    union Node = User | Pool
"""
B = 'type Query { other: String } type User @key(fields: "id") { id: ID! age: Int }'
GRAPH = a_supergraph(a=A, b=B)
ANSWERS: dict[str, Any] = {
    "me": {"id": "1", "name": "Ann", "__typename": "User"},
    "node": {"__typename": "User", "id": "1"},
}


async def send(request: Request) -> Answer:
    """Answer as a subgraph would: whatever is asked of the root again stands below `root`."""
    user: Any = {"__typename": "User", "id": "1", "name": "Ann", "age": 30}
    root: Any = {"__typename": "Query", "other": "o", "me": user}
    user["root"] = dict(root) | {"me": dict(user)}
    root |= {"users": [dict(user), None, dict(user)], "node": dict(user)}
    if request.fetch.kind == "mutation":
        return {"data": {"rename": {"query": root}}}
    if request.entities:
        return {"data": {"_entities": [dict(user)] * request.entities}}
    return {"data": root}


def answer(query: str, variables: dict[str, Any] | None = None, runs: int = 1) -> Any:
    executable = Executable(plan(GRAPH, parse_operation(query)), GRAPH.schema)
    for _ in range(runs):
        response = asyncio.run(executable.run(variables or {}, send))
    assert not response.faults
    return response.data


def locally(query: str, variables: dict[str, Any] | None = None) -> Any:
    found = execute_sync(GRAPH.schema, parse(query), variable_values=variables)
    assert not found.errors
    return found.data


@pytest.mark.parametrize("runs", [1, 5])
def test_is_answered_like_at_the_root(runs: int) -> None:
    asked = '__schema { queryType { name fields { name } } } here: __type(name: "User") { kind }'
    expected = locally(f"{{ {asked} }}")

    data = answer(f"{{ me {{ name root {{ {asked} }} }} {asked} }}", runs=runs)

    assert data == {"me": {"name": "Ann", "root": expected}, **expected}


def test_below_lists_fragments_and_the_root_of_the_root() -> None:
    asked = "__schema { mutationType { name } }"
    expected = locally(f"{{ {asked} }}")

    data = answer(
        f"{{ users {{ root {{ ...S me {{ age root {{ ...S }} }} }} }} "
        f"node {{ ... on User {{ root {{ x: {asked} }} }} }} }} "
        f"fragment S on Query {{ {asked} }}"
    )

    inside = {"root": {**expected, "me": {"age": 30, "root": expected}}}
    assert data["users"] == [inside, None, inside]
    assert data["node"] == {"root": {"x": expected["__schema"]}}


def test_selections_of_one_key_are_one() -> None:
    data = answer(
        "{ me { root { __schema { queryType { name } } "
        "... on Query { __schema { mutationType { name } } } } } }"
    )

    assert data["me"]["root"]["__schema"] == {
        "queryType": {"name": "Query"},
        "mutationType": {"name": "Mutation"},
    }


def test_variables_and_tests_count() -> None:
    query = """
        query($name: String! = "Pool", $yes: Boolean!, $no: Boolean!) {
          me { root {
            a: __type(name: $name) { name @include(if: $yes) kind @skip(if: $yes) }
            b: __type(name: "Nobody") { name }
            c: __type(name: "User") @include(if: $no) { name }
          } }
        }
    """
    data = answer(query, {"name": "Pool", "yes": True, "no": False})

    assert data["me"]["root"] == {"a": {"name": "Pool"}, "b": None}


def test_a_mutation_may_hand_out_the_root() -> None:
    data = answer("mutation { rename { query { other __schema { queryType { name } } } } }")

    assert data["rename"]["query"] == {"other": "o", "__schema": {"queryType": {"name": "Query"}}}


def test_nothing_of_it_reaches_a_subgraph() -> None:
    found = plan(GRAPH, parse_operation("{ me { root { __schema { queryType { name } } } } }"))

    (fetch,) = found.fetches()
    assert "__schema" not in fetch.document
