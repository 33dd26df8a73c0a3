"""Supergraphs of other composers load too, from join v0.1 on."""

from __future__ import annotations

import pytest
from graphql import print_schema

from gateway.errors import BadSupergraph
from gateway.supergraph import load
from tests.gateway.graphs import planned

V01 = """
schema @core(feature: "https://specs.apollo.dev/core/v0.1")
  @core(feature: "https://specs.apollo.dev/join/v0.1", for: EXECUTION) { query: Query }
directive @core(feature: String!, for: core__Purpose) repeatable on SCHEMA
directive @join__field(graph: join__Graph, requires: join__FieldSet, provides: join__FieldSet)
  on FIELD_DEFINITION
directive @join__type(graph: join__Graph!, key: join__FieldSet) repeatable on OBJECT | INTERFACE
directive @join__owner(graph: join__Graph!) on OBJECT | INTERFACE
directive @join__graph(name: String!, url: String!) on ENUM_VALUE
scalar join__FieldSet
enum core__Purpose { EXECUTION SECURITY }
enum join__Graph {
  USERS @join__graph(name: "users", url: "http://users.test")
  REVIEWS @join__graph(name: "reviews", url: "http://reviews.test")
}
type User @join__owner(graph: USERS) @join__type(graph: USERS, key: "id")
  @join__type(graph: REVIEWS, key: "id") {
  id: ID! @join__field(graph: USERS)
  name: String @join__field(graph: USERS)
  reviews: [Review] @join__field(graph: REVIEWS)
}
type Review { body: String at: Place }
type Place { city: String }
type Query { me: User @join__field(graph: USERS) }
"""


def test_loads_a_federation_1_supergraph() -> None:
    graph = load(V01)

    assert {name: end.url for name, end in graph.endpoints.items()} == {
        "users": "http://users.test",
        "reviews": "http://reviews.test",
    }
    assert "join__" not in print_schema(graph.schema)
    assert (
        planned(graph, "{ me { name reviews { at { city } } } }")
        == """\
Sequence
  Fetch users
    {
      me {
        name
        id
      }
    }
  Fetch reviews
    entities at me
      User { id }
    {
      ... on User {
        reviews {
          at {
            city
          }
        }
      }
    }
"""
    )


@pytest.mark.parametrize(
    ("sdl", "why"),
    [
        ("type Query {", "cannot be parsed"),
        ("type Query { x: Int }", "does not @link"),
        (
            (
                'schema @link(url: "https://specs.apollo.dev/join/v0.3") { query: Query } '
                "type Query { x: Int }"
            ),
            "no enum join__Graph",
        ),
    ],
)
def test_says_why_a_text_is_no_supergraph(sdl: str, why: str) -> None:
    with pytest.raises(BadSupergraph, match=why) as caught:
        load(sdl)

    assert caught.value.message("zh") != caught.value.message("en")
