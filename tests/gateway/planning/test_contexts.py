"""Plans of contextual arguments: the value is asked for above and travels as a variable of ours."""

from __future__ import annotations

from tests.gateway.graphs import a_supergraph, planned

GRAPH = a_supergraph(
    a="""
      type Query { t: T! ts: [T!]! either: [Either!]! }
      union Either = T | S
      type T @key(fields: "id") @context(name: "ctx") { id: ID! prop: String! u: U! us: [U!]! }
      type S @key(fields: "id") @context(name: "ctx") { id: ID! name: Name u: U! }
      type Name { full: String! }
      type U @key(fields: "id") {
        id: ID!
        field(n: Int,
          a: String @fromContext(field: "$ctx ... on T { prop } ... on S { name { full } }")): Int!
        plain: Int
      }
    """,
    b="""
      type U @key(fields: "id") { id: ID! other: Int }
    """,
)


def test_enters_the_object_anew_with_the_value_from_above() -> None:
    text = planned(GRAPH, "{ t { u { field(n: 1) plain } } }")

    assert (
        text
        == """\
Sequence
  Fetch a
    {
      t {
        _context_prop: prop
        u {
          plain
          id
        }
      }
    }
  Fetch a
    entities at t.u
      U { id }
      $context__U__field__a from t<T>._context_prop
    {
      ... on U {
        field(n: 1, a: $context__U__field__a)
      }
    }
"""
    )


def test_takes_the_value_from_whatever_type_stands_above() -> None:
    text = planned(
        GRAPH, "{ either { ... on T { prop: id us { field other } } ... on S { u { field } } } }"
    )

    assert (
        text
        == """\
Sequence
  Fetch a
    {
      either {
        __typename
        ... on S {
          u {
            id
          }
          _context_name: name {
            _context_full: full
          }
        }
        ... on T {
          prop: id
          _context_prop: prop
          us {
            id
          }
        }
      }
    }
  Parallel
    Fetch a
      entities at either.@<S>.u
        U { id }
        $context__U__field__a from either.@<S>._context_name._context_full
      entities at either.@<T>.us.@
        U { id }
        $context__U__field__a from either.@<T>._context_prop
      {
        ... on U {
          field(a: $context__U__field__a)
        }
      }
    Fetch b
      entities at either.@<T>.us.@
        U { id }
      {
        ... on U {
          other
        }
      }
"""
    )
