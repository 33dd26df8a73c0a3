"""Plans of fields below the root that return a root type:
other subgraphs' root fields are asked there."""

from __future__ import annotations

from tests.gateway.graphs import a_supergraph, planned

GRAPH = a_supergraph(
    orders="""
      type Query { orders: Int @shareable viewer: Viewer }
      type Viewer { name: String query: Query! all: [Query!]! }
      type Mutation { order(id: ID!): Payload! }
      type Payload { id: ID! query: Query! }
    """,
    catalogue="""
      type Query { topProduct: Product }
      type Product @key(fields: "id") { id: ID! name: String }
    """,
    stock="""
      type Query { warehouses: Int }
      type Product @key(fields: "id") { id: ID! left: Int }
    """,
)


def test_asks_root_fields_of_other_subgraphs_below_a_mutation() -> None:
    text = planned(
        GRAPH,
        'mutation { order(id: "1") { query { orders warehouses topProduct { name left } } } }',
    )

    assert (
        text
        == """\
Sequence
  Fetch orders mutation
    {
      order(id: "1") {
        query {
          orders
        }
      }
    }
  Parallel
    Fetch stock
      root fields at order.query
      {
        warehouses
      }
    Sequence
      Fetch catalogue
        root fields at order.query
        {
          topProduct {
            name
            id
          }
        }
      Fetch stock
        entities at order.query.topProduct
          Product { id }
        {
          ... on Product {
            left
          }
        }
"""
    )


def test_asks_each_place_of_a_list_with_one_request() -> None:
    text = planned(GRAPH, "{ viewer { all { warehouses } } warehouses }")

    assert (
        text
        == """\
Parallel
  Sequence
    Fetch orders
      {
        viewer {
          all {
            __typename
          }
        }
      }
    Fetch stock
      root fields at viewer.all.@
      {
        warehouses
      }
  Fetch stock
    {
      warehouses
    }
"""
    )
