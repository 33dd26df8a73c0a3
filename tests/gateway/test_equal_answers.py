"""Random operations:
what three subgraphs answer together is what one schema with the same data answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from unittest import mock

import orjson
import strawberry
from graphql import (
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    get_named_type,
    is_leaf_type,
    parse,
    validate,
)
from hypothesis import given, settings, strategies as st

from gateway.composition import compose
from gateway.execution.executable import execute
from gateway.execution.transport import Answer, Request
from gateway.execution.variables import variables_of
from gateway.operation import parse_operation
from gateway.planning import plan
from gateway.supergraph import Subgraph, Supergraph
from tests.gateway.serving import shop
from tests.support.budget import examples

SUBGRAPHS = {"accounts": shop.accounts, "products": shop.products, "reviews": shop.reviews}
WHOLE = build_schema(shop.monolith.as_str())
ARGUMENTS = {
    "user": ['(id: "u1")', '(id: "u2")'],
    "product": ['(upc: "p1")', '(upc: "p3")', '(upc: "p9")'],
    "products": ["", "(first: 1)", "(first: $count)"],
    "search": ["", '(word: "l")', '(word: "zz")'],
}
CONDITIONS = [
    "",
    "",
    "",
    "",
    " @include(if: $yes)",
    " @skip(if: $yes)",
    " @include(if: $no)",
    " @skip(if: $no)",
]


@st.composite
def selections(draw: st.DrawFn, kind: GraphQLNamedType, depth: int) -> str:
    parts: list[str] = []
    if isinstance(kind, GraphQLUnionType):
        members = draw(st.lists(st.sampled_from(kind.types), min_size=1, max_size=3))
        parts = [f"... on {item.name} {{ {draw(selections(item, depth))} }}" for item in members]
        return " ".join(["__typename", *parts])
    assert isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
    names = [
        name
        for name, item in kind.fields.items()
        if depth or is_leaf_type(get_named_type(item.type))
    ]
    for name in draw(st.lists(st.sampled_from([*names, "__typename"]), min_size=1, max_size=4)):
        parts.append(draw(selected(kind, name, depth)))
    if draw(st.integers(0, 5)) == 0:
        inner = draw(selections(kind, depth))
        parts.append(f"... on {kind.name}{draw(st.sampled_from(CONDITIONS))} {{ {inner} }}")
    return " ".join(parts)


@st.composite
def selected(
    draw: st.DrawFn, kind: GraphQLObjectType | GraphQLInterfaceType, name: str, depth: int
) -> str:
    """A field under an alias that says what it holds, so that equal keys never clash."""
    condition = draw(st.sampled_from(CONDITIONS))
    if name == "__typename":
        return f"{name}{condition}"
    choice = draw(st.integers(0, len(_arguments(kind, name)) - 1))
    arguments = _arguments(kind, name)[choice]
    alias = f"{name}{choice}: " if arguments else draw(st.sampled_from(["", "", f"my_{name}: "]))
    named = get_named_type(kind.fields[name].type)
    inner = "" if is_leaf_type(named) else f" {{ {draw(selections(named, depth - 1))} }}"
    return f"{alias}{name}{arguments}{condition}{inner}"


def _arguments(kind: GraphQLObjectType | GraphQLInterfaceType, name: str) -> list[str]:
    return ARGUMENTS[name] if kind.fields[name].args else [""]


def operations() -> st.SearchStrategy[str]:
    assert WHOLE.query_type is not None
    head = "query($count: Int = 2, $yes: Boolean = true, $no: Boolean = false)"
    tail = "seen: products(first: $count) { upc @include(if: $yes) name @skip(if: $no) }"
    return selections(WHOLE.query_type, 3).map(lambda inner: f"{head} {{ {inner} {tail} }}")


def composed() -> Supergraph:
    found = compose(
        [Subgraph(name, "http://x/", schema.as_str()) for name, schema in SUBGRAPHS.items()]
    )
    assert isinstance(found, Supergraph), found
    return found


SUPERGRAPH = composed()


class Context(dict[str, Any]):
    """Stands where the web framework puts the request."""


async def send(request: Request) -> Answer:
    body = orjson.loads(request.body)
    schema: strawberry.federation.Schema = SUBGRAPHS[request.fetch.subgraph]
    result = await schema.execute(
        body["query"], variable_values=body.get("variables"), context_value=Context()
    )
    answer: Answer = {"data": result.data}
    if result.errors:
        answer["errors"] = [error.formatted for error in result.errors]
    return orjson.loads(orjson.dumps(answer))  # type: ignore[no-any-return]  # an answer again


async def ask(query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    operation = parse_operation(query)
    schema: GraphQLSchema = SUPERGRAPH.schema
    given = variables_of(operation, schema)(variables)
    return (await execute(plan(SUPERGRAPH, operation), given, send, schema)).to_json()


VARIABLES = st.fixed_dictionaries(
    {}, optional={"count": st.integers(0, 3), "yes": st.booleans(), "no": st.booleans()}
)


@settings(max_examples=examples(60))
@given(operations(), VARIABLES)
async def test_three_subgraphs_answer_like_one_schema(
    query: str, variables: dict[str, Any]
) -> None:
    assert not validate(WHOLE, parse(query))

    answer = await ask(query, variables)

    expected = await shop.monolith.execute(query, variable_values=variables)
    assert not expected.errors
    assert answer == {"data": expected.data}


@settings(max_examples=examples(60))
@given(
    operations(), VARIABLES, st.sets(st.sampled_from(["u1", "u2", "p1", "p2", "p3"]), min_size=1)
)
async def test_three_subgraphs_fail_like_one_schema(
    query: str, variables: dict[str, Any], broken: set[str]
) -> None:
    with mock.patch.object(shop, "BROKEN", broken):
        answer = await ask(query, variables)
        expected = await shop.monolith.execute(query, variable_values=variables)

    assert answer["data"] == expected.data
    # Not the same list of errors: one schema stops at the first item that takes its list along,
    # and subgraphs are not asked below what an error took away. But every null has its reason.
    ours = [tuple(error["path"]) for error in answer.get("errors", ())]
    assert bool(ours) == bool(expected.errors)
    for error in expected.errors or ():
        place = null_above(answer["data"], tuple(error.path or ()))
        assert any(path[: len(place)] == place for path in ours)


def null_above(data: Any, path: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Where on the way to `path` the answer ends in null."""
    for depth, step in enumerate(path):
        if data is None:
            return path[:depth]
        data = data[step]
    return path
