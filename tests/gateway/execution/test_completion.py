"""Null rises exactly as the GraphQL specification says; graphql-core is the oracle."""

import json
from typing import Any

import pytest
from graphql import ExecutionResult, build_schema, execute_sync, parse
from hypothesis import given, settings, strategies as st

from gateway.execution.completion import ClientPaths, Completion
from gateway.execution.faults import Faults
from gateway.plan import Nullability, Shape, Slot
from tests.gateway.execution.shapes import shape_of
from tests.support.budget import examples

SCHEMA = build_schema(
    """
    type Query { a: Thing  b: Thing!  many: [Thing!]  matrix: [[Int!]!]
      any: [Named]  must: [Named!]! }
    interface Named { name: String! }
    type Thing implements Named {
      name: String!  id: ID!  size: Int  ratio: Float!
      fine: Boolean  colour: Colour!  tags: [String!]!
      inner: Thing  strict: Thing!  deep: [[Thing!]]
    }
    type Other implements Named { name: String!  extra: Int! }
    enum Colour { RED GREEN }
    """
)
LEAVES = "name id size ratio fine colour tags"
QUERY = f"""
{{ a {{ {LEAVES} inner {{ {LEAVES} strict {{ name size }} }} deep {{ name ratio }} }}
   many {{ {LEAVES} }} matrix
   any {{ __typename name ... on Other {{ extra }} ... on Thing {{ size }} }} }}
"""
THING = {
    "__typename": "Thing",
    "name": "n",
    "id": "1",
    "size": 3,
    "ratio": 0.5,
    "fine": True,
    "colour": "RED",
    "tags": ["x"],
}


def complete(tree: Any, query: str) -> tuple[Any, list[dict[str, Any]]]:
    """Complete the long way, and with Python written for it: both must say the same."""
    completion = Completion(shape_of(SCHEMA, query))
    long = _complete(completion, tree)
    before = json.dumps(tree)
    for alone in (False, True):
        completion.compile(alone=alone)
        assert json.dumps(_complete(completion, tree)) == json.dumps(long)
    assert json.dumps(tree) == before
    return long


def _complete(completion: Completion, tree: Any) -> tuple[Any, list[dict[str, Any]]]:
    faults = Faults("en")
    data = completion.complete(tree, faults, {})
    return data, [fault.to_json() for fault in faults.entries]


def oracle(tree: Any, query: str) -> ExecutionResult:
    return execute_sync(
        SCHEMA, parse(query), root_value=tree, type_resolver=lambda value, *_: value["__typename"]
    )


def a_thing(**changes: Any) -> dict[str, Any]:
    return {**THING, **changes}


@pytest.mark.parametrize(
    ("query", "tree", "data", "path"),
    [
        # a nullable field keeps the null to itself
        ("{a{size}}", {"a": a_thing(size=None)}, {"a": {"size": None}}, None),
        # a required leaf takes its object along
        ("{a{name}}", {"a": a_thing(name=None)}, {"a": None}, ["a", "name"]),
        # through required objects up to the first nullable one
        (
            "{a{strict{name}}}",
            {"a": {"strict": a_thing(name=None)}},
            {"a": None},
            ["a", "strict", "name"],
        ),
        # up to the root
        ("{b{name}}", {"b": a_thing(name=None)}, None, ["b", "name"]),
        ("{b{name}}", {"b": None}, None, ["b"]),
        ("{b{name}}", {}, None, ["b"]),
        # an item that may not be null takes the list along
        (
            "{many{name}}",
            {"many": [a_thing(), a_thing(name=None)]},
            {"many": None},
            ["many", 1, "name"],
        ),
        ("{many{name}}", {"many": [a_thing(), None]}, {"many": None}, ["many", 1]),
        # an item that may be null stays alone
        (
            "{any{name}}",
            {"any": [a_thing(), a_thing(name=None)]},
            {"any": [{"name": "n"}, None]},
            ["any", 1, "name"],
        ),
        # lists of lists, each level by its own rule
        ("{matrix}", {"matrix": [[1], None]}, {"matrix": None}, ["matrix", 1]),
        ("{matrix}", {"matrix": [[1], [2, None]]}, {"matrix": None}, ["matrix", 1, 1]),
        (
            "{a{deep{name}}}",
            {"a": {"deep": [[a_thing()], [None], None]}},
            {"a": {"deep": [[{"name": "n"}], None, None]}},
            ["a", "deep", 1, 0],
        ),
        # the list itself is required
        ("{must{name}}", {"must": [a_thing(name=None)]}, None, ["must", 0, "name"]),
    ],
)
def test_null_rises_to_the_nearest_field_that_may_be_null(
    query: str, tree: Any, data: Any, path: list[Any] | None
) -> None:
    found, errors = complete(tree, query)

    assert found == data
    assert [error["path"] for error in errors] == ([path] if path else [])
    assert found == oracle(tree, query).data


def test_says_which_field_had_no_value() -> None:
    _, errors = complete({"a": a_thing(name=None)}, "{a{name}}")

    assert errors == [
        {
            "message": "Cannot return null for non-nullable field Thing.name.",
            "path": ["a", "name"],
            "extensions": {"code": "NULL_NOT_ALLOWED"},
        }
    ]


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        ("size", "3", "Int"),
        ("size", 3.5, "Int"),
        ("size", True, "Int"),
        ("size", 2**31, "Int"),
        ("ratio", "0.5", "Float"),
        ("ratio", False, "Float"),
        ("fine", 1, "Boolean"),
        ("name", 5, "String"),
        ("name", {"first": "n"}, "String"),
        ("id", 1.5, "ID"),
        ("colour", "SECRET", "Colour"),
        ("colour", 1, "Colour"),
        ("tags", "x", "list"),
    ],
)
def test_a_value_of_the_wrong_type_is_an_error_that_does_not_show_it(
    field: str, value: Any, kind: str
) -> None:
    data, errors = complete({"a": a_thing(**{field: value})}, f"{{a{{{field}}}}}")

    nullable = field in ("size", "fine")
    assert data == {"a": {field: None} if nullable else None}
    assert errors == [
        {
            "message": f"The value of Thing.{field} is not a valid {kind}.",
            "path": ["a", field],
            "extensions": {"code": "SUBGRAPH_BAD_RESPONSE"},
        }
    ]


@pytest.mark.parametrize("value", ["text", 5, [1], True])
def test_a_leaf_where_an_object_belongs_is_an_error(value: Any) -> None:
    data, errors = complete({"a": value}, "{a{name}}")

    assert data == {"a": None}
    assert errors[0]["path"] == ["a"]


@pytest.mark.parametrize(
    "value", [{"name": "n"}, {"__typename": "Hidden", "name": "n"}, {"__typename": []}]
)
def test_an_object_of_a_type_that_clients_do_not_see_is_an_error(value: Any) -> None:
    data, errors = complete({"any": [value]}, "{any{name}}")

    assert data == {"any": [None]}
    assert errors[0]["path"] == ["any", 0]
    assert "Hidden" not in json.dumps(errors)


def test_whole_numbers_and_ids_come_in_the_form_that_clients_expect() -> None:
    data, errors = complete({"a": a_thing(id=7, size=3.0, ratio=2)}, "{a{id size ratio}}")

    assert data == {"a": {"id": "7", "size": 3, "ratio": 2}}
    assert not errors


def test_keeps_the_order_of_the_query_and_drops_what_nobody_asked_for() -> None:
    data, _ = complete({"a": a_thing(secret=1, big=4)}, "{a{size kind: __typename big: size name}}")

    assert json.dumps(data) == '{"a": {"size": 3, "kind": "Thing", "big": 4, "name": "n"}}'


def test_a_fault_above_or_below_explains_a_missing_value() -> None:
    faults = Faults("en")
    faults.relay(
        "shop", {"message": "out of order", "extensions": {"code": "DOWN"}}, ("a", "strict")
    )

    data = Completion(shape_of(SCHEMA, "{a{strict{name}}}")).complete({"a": {}}, faults, {})

    assert data == {"a": None}
    assert [fault.code for fault in faults.entries] == ["DOWN"]


def test_asks_only_for_what_the_variables_want() -> None:
    slots = tuple(
        Slot(name, name, Nullability(False), f"Query.{name}", leaf_type="Int", guard=guard)
        for name, guard in {
            "always": (),
            "included": ((("yes", True),),),
            "skipped": ((("yes", False),),),
            "either": ((("no", True),), (("yes", True), ("no", False))),
        }.items()
    )
    tree = {"always": 1, "included": 2, "skipped": 3, "either": 4}

    completion = Completion(Shape("Query", "Query", slots, {}))
    for alone in (None, False, True):
        if alone is not None:
            completion.compile(alone=alone)
        data = completion.complete(tree, Faults("en"), {"yes": True})

        assert json.dumps(data) == '{"always": 1, "included": 2, "either": 4}'


def test_translates_places_of_the_tree_into_the_clients_words() -> None:
    leaf = Slot("title", "_1", Nullability(False), "Thing.name", leaf_type="String")
    thing = Shape("Thing", "Thing", (leaf,), {})
    items = Slot("all", "_0", Nullability(False, Nullability(False)), "Query.many", child=thing)
    paths = ClientPaths(Shape("Query", "Query", (items,), {}))

    assert paths.path(("_0", 2, "_1")) == ("all", 2, "title")
    assert paths.path(("_0", 2, "only_ours", "deeper")) == ("all", 2)


def things(depth: int) -> st.SearchStrategy[Any]:
    def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.one_of(values, values, values, st.none())

    thing: dict[str, st.SearchStrategy[Any]] = {
        "__typename": st.just("Thing"),
        "name": maybe(st.text(max_size=3)),
        "id": maybe(st.sampled_from(["1", "2"])),
        "size": maybe(st.integers(-5, 5)),
        "ratio": maybe(st.floats(0, 1)),
        "fine": maybe(st.booleans()),
        "colour": maybe(st.sampled_from(["RED", "GREEN"])),
        "tags": maybe(st.lists(maybe(st.just("x")), max_size=2)),
    }
    if depth:
        inner = maybe(things(depth - 1))
        thing |= {
            "inner": inner,
            "strict": inner,
            "deep": maybe(st.lists(maybe(st.lists(inner, max_size=2)), max_size=2)),
        }
    return st.fixed_dictionaries(thing)


OTHERS = st.fixed_dictionaries(
    {
        "__typename": st.just("Other"),
        "name": st.sampled_from(["o", None]),
        "extra": st.sampled_from([1, None]),
    }
)
TREES = st.fixed_dictionaries(
    {
        "a": st.one_of(things(2), st.none()),
        "many": st.one_of(st.lists(things(0), max_size=3), st.none()),
        "matrix": st.lists(
            st.one_of(st.lists(st.sampled_from([1, 2, None]), max_size=2), st.none()), max_size=2
        ),
        "any": st.lists(st.one_of(things(0), OTHERS, st.none()), max_size=3),
    }
)


@settings(max_examples=examples(150))
@given(TREES)
def test_completes_any_tree_as_graphql_core_does(tree: Any) -> None:
    data, errors = complete(tree, QUERY)

    expected = oracle(tree, QUERY)
    assert data == expected.data
    paths = {tuple(error.path or ()) for error in expected.errors or ()}
    assert {tuple(error["path"]) for error in errors} <= paths
    assert bool(errors) == bool(paths)
