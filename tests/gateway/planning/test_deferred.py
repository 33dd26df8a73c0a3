"""@defer in plans: what waits for nothing, what comes later."""

from __future__ import annotations

from gateway.operation import parse_document, select_operation
from gateway.plan import print_plan
from gateway.planning import plan
from tests.gateway.graphs import a_supergraph

GRAPH = a_supergraph(
    a="""
    type Query { me: User users: [User!]! }
    type User @key(fields: "id") { id: ID! name: String }
    """,
    b="""
    type User @key(fields: "id") { id: ID! rating: Int friend: User }
    """,
    c="""
    type User @key(fields: "id") { id: ID! city: String rank: Int }
    """,
)


def deferred(query: str, *true: str) -> str:
    operation = select_operation(parse_document(query), deferring=frozenset(true))
    return print_plan(plan(GRAPH, operation))


def test_requests_of_deferred_fragments_stand_apart() -> None:
    assert (
        deferred("{ me { name ... @defer { rating city } ... on User { rank } } }")
        == """\
Sequence
  Fetch a
    {
      me {
        name
        id
      }
    }
  Parallel
    Deferred @0
      Fetch b
        entities at me
          User { id }
        {
          ... on User {
            rating
          }
        }
    Fetch c
      entities at me
        User { id }
      {
        ... on User {
          city
          rank
        }
      }
"""
    )


def test_nested_deferrals_need_both_turns() -> None:
    text = deferred("{ me { ... @defer { rating ... @defer { city } } } }")

    assert "Deferred @0\n" in text
    assert "Deferred @0 and @1\n" in text


def test_what_only_a_deferred_fragment_reaches_is_deferred() -> None:
    text = deferred("{ me { name ... @defer { friend { city } } } }")

    assert text.count("Deferred @0\n") == 2


def test_the_same_field_wanted_at_once_is_not_deferred() -> None:
    assert "Deferred" not in deferred("{ me { rating ... @defer { rating } } }")


def test_a_variable_decides() -> None:
    query = "query($later: Boolean!) { me { ... @defer(if: $later) { rating } } }"

    assert "Deferred @0" in deferred(query, "later")
    assert "Deferred" not in deferred(query)
    assert "$later" not in deferred(query, "later")


def test_clients_conditions_stay_conditions() -> None:
    text = deferred("query($x: Boolean!) { me { ... @defer @include(if: $x) { rating city } } }")

    assert "Deferred @0\n" in text
    assert "When $x\n" in text
