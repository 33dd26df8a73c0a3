"""Plans of what an operation can contain:
aliases, variables, conditions, mutations, introspection."""

from __future__ import annotations

from itertools import count

import pytest

from gateway.errors import TooComplex
from gateway.operation import parse_operation
from gateway.plan import Condition, Subscribe
from gateway.planning import Budget, plan
from tests.gateway.graphs import a_supergraph, planned

GRAPH = a_supergraph(
    a="""
      type Query { user(id: ID!): User users(first: Int! = 10): [User!]! }
      type Mutation { rename(id: ID!, name: String!): User! }
      type Subscription { renamed: User! }
      type User @key(fields: "id") { id: ID! name: String! friends(first: Int): [User!]! }
    """,
    b="""
      type Mutation { rate(id: ID!, points: Int!): User! }
      type User @key(fields: "id") { id: ID! rating(scale: Int): Int! }
    """,
)


def test_keeps_aliases_and_the_arguments_behind_them() -> None:
    assert (
        planned(
            GRAPH,
            '{ x: user(id: "1") { n: name few: friends(first: 1) { id } } '
            'y: user(id: "2") { id } }',
        )
        == """\
Fetch a
  {
    x: user(id: "1") {
      n: name
      few: friends(first: 1) {
        id
      }
    }
    y: user(id: "2") {
      id
    }
  }
"""
    )


def test_keeps_a_key_apart_from_an_alias_of_the_same_name() -> None:
    assert (
        planned(GRAPH, '{ user(id: "1") { id: name rating } }')
        == """\
Sequence
  Fetch a
    {
      user(id: "1") {
        id: name
        _id: id
      }
    }
  Fetch b
    entities at user
      User { id<-_id }
    {
      ... on User {
        rating
      }
    }
"""
    )


def test_passes_only_the_variables_that_a_subgraph_needs() -> None:
    operation = parse_operation(
        "query Page($id: ID!, $scale: Int = 5) { user(id: $id) { name rating(scale: $scale) } }"
    )

    fetches = list(plan(GRAPH, operation).fetches())

    assert [(fetch.subgraph, fetch.variables) for fetch in fetches] == [
        ("a", ("id",)),
        ("b", ("scale",)),
    ]
    assert fetches[1].document == (
        "query Page__b__1($representations: [_Any!]!, $scale: Int = 5) "
        "{_entities(representations: $representations) "
        "{... on User {rating(scale: $scale)}}}"
    )


def test_skips_a_whole_request_when_its_condition_fails() -> None:
    query = "query($more: Boolean!) { users { name rating @include(if: $more) } }"

    assert (
        planned(GRAPH, query)
        == """\
Sequence
  Fetch a
    {
      users {
        name
        id
      }
    }
  When $more
    Fetch b
      entities at users.@ when $more
        User { id }
      {
        ... on User {
          rating @include(if: $more)
        }
      }
"""
    )
    root = plan(GRAPH, parse_operation(query)).root
    assert any(isinstance(node, Condition) for node in getattr(root, "nodes", ()))


def test_skips_what_only_a_skipped_request_needs() -> None:
    graph = a_supergraph(
        a='type Query { p: P } type P @key(fields: "id") { id: ID! }',
        b='type P @key(fields: "id") { id: ID! price: Int }',
        c="""
          type P @key(fields: "id") {
            id: ID! price: Int @external tax: Int @requires(fields: "price")
          }
        """,
    )

    assert (
        planned(graph, "query($full: Boolean!) { p { id tax @include(if: $full) } }")
        == """\
Sequence
  Fetch a
    {
      p {
        id
      }
    }
  When $full
    Fetch b
      entities at p when $full
        P { id }
      {
        ... on P {
          price
        }
      }
  When $full
    Fetch c
      entities at p when $full
        P { id price }
      {
        ... on P {
          tax @include(if: $full)
        }
      }
"""
    )


def test_keeps_conditions_of_equal_fields_apart() -> None:
    assert (
        planned(
            GRAPH,
            "query($a: Boolean!, $b: Boolean!) "
            "{ users { id @include(if: $a) id @skip(if: $b) name @include(if: true) } }",
        )
        == """\
Fetch a
  {
    users {
      id @include(if: $a)
      id @skip(if: $b)
      name
    }
  }
"""
    )


def test_runs_mutations_in_order_and_finishes_each() -> None:
    assert (
        planned(
            GRAPH,
            'mutation { a: rename(id: "1", name: "x") { rating } '
            'b: rate(id: "1", points: 2) { name } '
            'c: rename(id: "1", name: "y") { name } }',
        )
        == """\
Sequence
  Fetch a mutation
    {
      a: rename(id: "1", name: "x") {
        id
      }
    }
  Fetch b
    entities at a
      User { id }
    {
      ... on User {
        rating
      }
    }
  Fetch b mutation
    {
      b: rate(id: "1", points: 2) {
        id
      }
    }
  Fetch a
    entities at b
      User { id }
    {
      ... on User {
        name
      }
    }
  Fetch a mutation
    {
      c: rename(id: "1", name: "y") {
        name
      }
    }
"""
    )


def test_lets_neighbouring_mutations_of_one_subgraph_travel_together() -> None:
    assert (
        planned(
            GRAPH,
            'mutation { a: rename(id: "1", name: "x") { id } '
            'b: rename(id: "2", name: "y") { id } }',
        )
        == """\
Fetch a mutation
  {
    a: rename(id: "1", name: "x") {
      id
    }
    b: rename(id: "2", name: "y") {
      id
    }
  }
"""
    )


def test_completes_every_event_of_a_subscription() -> None:
    found = plan(GRAPH, parse_operation("subscription { renamed { name rating } }"))

    assert isinstance(found.root, Subscribe)
    assert (
        planned(GRAPH, "subscription { renamed { name rating } }")
        == """\
Subscribe
  Fetch a subscription
    {
      renamed {
        name
        id
      }
    }
  Fetch b
    entities at renamed
      User { id }
    {
      ... on User {
        rating
      }
    }
"""
    )


def test_answers_introspection_and_typename_without_a_request() -> None:
    found = plan(
        GRAPH, parse_operation("query($n: String!) { __typename __type(name: $n) { name } }")
    )

    assert found.root is None
    assert found.introspection_variables == ("n",)
    assert (
        planned(GRAPH, "{ __schema { types { name } } }")
        == """\
nothing to fetch
+ introspection, answered here
"""
    )


def test_refuses_fragments_that_explode() -> None:
    levels = "".join(
        f"fragment F{n} on User {{ a: friends {{ ...F{n + 1} }} b: friends {{ ...F{n + 1} }} }}\n"
        for n in range(20)
    )
    text = f"{{ users {{ ...F0 }} }}\n{levels}\nfragment F20 on User {{ id }}"

    with pytest.raises(TooComplex, match="20000 fields"):
        parse_operation(text)


def test_refuses_selections_that_spread_over_many_runtime_types() -> None:
    wide = a_supergraph(
        a="type Query { nodes: [Node] } interface Node { id: ID! }\n"
        + "\n".join(
            f'type T{n} implements Node @key(fields: "id") {{ id: ID! next: Node }}'
            for n in range(30)
        ),
        b="\n".join(f'type T{n} @key(fields: "id") {{ id: ID! name: String }}' for n in range(30)),
    )

    numbers = count()  # no two selections are equal, or they would be planned once

    def below(depth: int) -> str:
        return f"next {{ {selection(depth - 1)} }}" if depth else f"a{next(numbers)}: id"

    def selection(depth: int) -> str:
        return "id " + " ".join(f"... on T{n} {{ name {below(depth)} }}" for n in range(0, 30, 3))

    budget = Budget()
    with pytest.raises(TooComplex, match="runtime types"):
        plan(wide, parse_operation(f"{{ nodes {{ {selection(2)} }} }}"), budget=budget)
    assert budget.searching > 0


def test_refuses_an_operation_with_too_many_ways() -> None:
    node = 'type Query @shareable { node: Node } type Node @key(fields: "id") @shareable { id: ID! '
    many = a_supergraph(**{f"s{n}": f"{node} n{n}: Node n{n + 1}: Node }}" for n in range(6)})

    numbers = count()  # no two selections are equal, or they would be planned once

    def selection(depth: int) -> str:
        below = (selection(depth - 1) if depth else f"a{next(numbers)}: id" for _ in range(6))
        return " ".join(f"n{n} {{ {inner} }}" for n, inner in enumerate(below))

    with pytest.raises(TooComplex, match="paths through the subgraphs"):
        plan(many, parse_operation(f"{{ node {{ {selection(4)} }} }}"))


def test_refuses_what_is_nested_too_deeply() -> None:
    chain = "".join(
        f"fragment F{n} on User {{ {'friends { ' * 90} ...F{n + 1} {'} ' * 90} }}\n"
        for n in range(20)
    )
    text = f"{{ users {{ ...F0 }} }}\n{chain}\nfragment F20 on User {{ rating }}"

    with pytest.raises(TooComplex, match="nested too deeply"):
        plan(GRAPH, parse_operation(text))


def test_gives_equal_operations_one_key() -> None:
    one = parse_operation("query A { users(first: 2) { ...F } } fragment F on User { id }")
    same = parse_operation("query A {\n  users(first: 2) { ... on User { id } }\n}")
    other = parse_operation("query A { users(first: 3) { id } }")

    assert one.key == same.key
    assert one.key != other.key


def test_equal_selections_are_one_object_and_cost_once() -> None:
    reviews = "reviews { text rating }"
    operation = parse_operation(
        f"{{ users {{ friends {{ ...R }} {reviews} best: friends {{ ...R }} }} }} "
        f"fragment R on User {{ id {reviews} }}"
    )

    (users,) = operation.selections
    friends, own, best = users.selections

    assert friends.selections is best.selections
    assert friends.selections[0].selections[1] is own
