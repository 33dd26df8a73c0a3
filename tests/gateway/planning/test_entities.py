"""Plans of entity fetches: keys, hops, and everything to one subgraph in one request."""

from __future__ import annotations

from tests.gateway.graphs import a_supergraph, planned

SHOP = a_supergraph(
    accounts="""
      type Query { me: User users: [User!]! }
      type User @key(fields: "id") { id: ID! name: String username: String @shareable }
    """,
    products="""
      type Query { topProducts(first: Int = 5): [Product!]! }
      type Product @key(fields: "upc") { upc: ID! name: String price: Int weight: Int }
    """,
    inventory="""
      type Product @key(fields: "upc") {
        upc: ID!
        price: Int @external
        weight: Int @external
        inStock: Boolean
        shippingEstimate: Int @requires(fields: "price weight")
      }
    """,
    reviews="""
      type Review { id: ID! body: String author: User @provides(fields: "username")
        product: Product }
      type User @key(fields: "id") { id: ID! username: String @external reviews: [Review!]! }
      type Product @key(fields: "upc") { upc: ID! reviews: [Review!]! }
    """,
)


def test_asks_one_subgraph_once_when_it_knows_everything() -> None:
    text = planned(SHOP, "{ topProducts { upc name } }")

    assert (
        text
        == """\
Fetch products
  {
    topProducts {
      upc
      name
    }
  }
"""
    )


def test_enters_another_subgraph_by_key() -> None:
    text = planned(SHOP, "{ me { name reviews { body } } }")

    assert (
        text
        == """\
Sequence
  Fetch accounts
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
          body
        }
      }
    }
"""
    )


def test_sends_required_fields_with_the_key() -> None:
    text = planned(SHOP, "{ topProducts { name shippingEstimate inStock } }")

    assert (
        text
        == """\
Sequence
  Fetch products
    {
      topProducts {
        name
        upc
        price
        weight
      }
    }
  Fetch inventory
    entities at topProducts.@
      Product { upc price weight }
    {
      ... on Product {
        inStock
        shippingEstimate
      }
    }
"""
    )


def test_fetches_required_fields_that_nobody_asked_for() -> None:
    text = planned(SHOP, "{ me { reviews { product { shippingEstimate } } } }")

    assert (
        text
        == """\
Sequence
  Fetch accounts
    {
      me {
        id
      }
    }
  Fetch reviews
    entities at me
      User { id }
    {
      ... on User {
        reviews {
          product {
            upc
          }
        }
      }
    }
  Fetch products
    entities at me.reviews.@.product
      Product { upc }
    {
      ... on Product {
        price
        weight
      }
    }
  Fetch inventory
    entities at me.reviews.@.product
      Product { upc price weight }
    {
      ... on Product {
        shippingEstimate
      }
    }
"""
    )


def test_takes_what_a_field_provides() -> None:
    text = planned(SHOP, "{ topProducts { reviews { author { username } } } }")

    assert (
        text
        == """\
Sequence
  Fetch products
    {
      topProducts {
        upc
      }
    }
  Fetch reviews
    entities at topProducts.@
      Product { upc }
    {
      ... on Product {
        reviews {
          author {
            username
          }
        }
      }
    }
"""
    )


def test_lets_all_entities_of_a_step_travel_in_one_request() -> None:
    text = planned(
        SHOP,
        "{ me { reviews { product { name } } } topProducts { reviews { author { id name } } } }",
    )

    assert (
        text
        == """\
Sequence
  Parallel
    Fetch accounts
      {
        me {
          id
        }
      }
    Fetch products
      {
        topProducts {
          upc
        }
      }
  Fetch reviews
    entities e0 at me
      User { id }
    entities e1 at topProducts.@
      Product { upc }
    {
      e0: _entities(representations: $representations0) {
        ... on User {
          reviews {
            product {
              upc
            }
          }
        }
      }
      e1: _entities(representations: $representations1) {
        ... on Product {
          reviews {
            author {
              id
            }
          }
        }
      }
    }
  Parallel
    Fetch products
      entities at me.reviews.@.product
        Product { upc }
      {
        ... on Product {
          name
        }
      }
    Fetch accounts
      entities at topProducts.@.reviews.@.author
        User { id }
      {
        ... on User {
          name
        }
      }
"""
    )


def test_needs_six_requests_for_the_big_query_of_the_benchmarks() -> None:
    text = planned(
        SHOP,
        """
        fragment U on User { id username name }
        fragment R on Review { id body }
        fragment P on Product { inStock name price shippingEstimate upc weight }
        {
          users { ...U reviews { ...R product { ...P reviews { ...R author { ...U reviews { ...R
            product { ...P } } } } } } }
          topProducts { ...P reviews { ...R author { ...U reviews { ...R product { ...P } } } } }
        }
        """,
    )

    assert text.count("Fetch ") == 6


def test_goes_through_a_third_subgraph_to_get_the_key_it_needs() -> None:
    graph = a_supergraph(
        a='type Query { book: Book } type Book @key(fields: "id") { id: ID! }',
        b='type Book @key(fields: "id") @key(fields: "isbn") { id: ID! isbn: String! }',
        c='type Book @key(fields: "isbn") { isbn: String! pages: Int }',
    )

    text = planned(graph, "{ book { pages } }")

    assert (
        text
        == """\
Sequence
  Fetch a
    {
      book {
        id
      }
    }
  Fetch b
    entities at book
      Book { id }
    {
      ... on Book {
        isbn
      }
    }
  Fetch c
    entities at book
      Book { isbn }
    {
      ... on Book {
        pages
      }
    }
"""
    )


def test_sends_compound_and_nested_keys() -> None:
    graph = a_supergraph(
        a="""
          type Query { seats: [Seat!]! }
          type Seat @key(fields: "row hall { id }") { row: Int! hall: Hall! }
          type Hall { id: ID! @shareable }
        """,
        b="""
          type Seat @key(fields: "row hall { id }") { row: Int! hall: Hall! free: Boolean }
          type Hall { id: ID! @shareable }
        """,
    )

    text = planned(graph, "{ seats { free } }")

    assert (
        text
        == """\
Sequence
  Fetch a
    {
      seats {
        row
        hall {
          id
        }
      }
    }
  Fetch b
    entities at seats.@
      Seat { row hall { id } }
    {
      ... on Seat {
        free
      }
    }
"""
    )


def test_never_enters_by_a_key_that_does_not_resolve() -> None:
    graph = a_supergraph(
        orders="""
          type Query { order: Order }
          type Order @key(fields: "id") { id: ID! buyer: User! }
          type User @key(fields: "id", resolvable: false) { id: ID! }
        """,
        users='type Query { user: User } type User @key(fields: "id") { id: ID! name: String }',
    )

    assert (
        planned(graph, "{ order { buyer { id } } }")
        == """\
Fetch orders
  {
    order {
      buyer {
        id
      }
    }
  }
"""
    )
    assert (
        planned(graph, "{ user { name } }")
        == """\
Fetch users
  {
    user {
      name
    }
  }
"""
    )


def test_chains_requirements_across_subgraphs() -> None:
    graph = a_supergraph(
        a='type Query { p: Product } type Product @key(fields: "id") { id: ID! price: Int }',
        b="""
          type Product @key(fields: "id") {
            id: ID! price: Int @external isExpensive: Boolean @requires(fields: "price")
          }
        """,
        c="""
          type Product @key(fields: "id") {
            id: ID! isExpensive: Boolean @external
            canAfford: Boolean @requires(fields: "isExpensive")
          }
        """,
    )

    assert (
        planned(graph, "{ p { canAfford } }")
        == """\
Sequence
  Fetch a
    {
      p {
        price
        id
      }
    }
  Fetch b
    entities at p
      Product { id price }
    {
      ... on Product {
        isExpensive
      }
    }
  Fetch c
    entities at p
      Product { id isExpensive }
    {
      ... on Product {
        canAfford
      }
    }
"""
    )


def test_asks_a_required_field_with_its_own_arguments() -> None:
    graph = a_supergraph(
        a="""
          type Query { p: Product }
          type Product @key(fields: "id") { id: ID! price(currency: String!): Int }
        """,
        b="""
          type Product @key(fields: "id") {
            id: ID!
            price(currency: String!): Int @external
            tax: Int @requires(fields: "price(currency: \\"USD\\")")
          }
        """,
    )

    assert (
        planned(graph, '{ p { price(currency: "EUR") tax } }')
        == """\
Sequence
  Fetch a
    {
      p {
        price(currency: "EUR")
        _price_15f7b1: price(currency: "USD")
        id
      }
    }
  Fetch b
    entities at p
      Product { id price<-_price_15f7b1 }
    {
      ... on Product {
        tax
      }
    }
"""
    )


def test_fills_one_value_from_several_subgraphs_that_share_the_root() -> None:
    graph = a_supergraph(
        names="type Query { p: P @shareable } type P { id: ID! @shareable name: String }",
        prices="type Query { p: P @shareable } type P { id: ID! @shareable price: Int }",
    )

    assert (
        planned(graph, "{ p { name price } }")
        == """\
Parallel
  Fetch names
    {
      p {
        name
      }
    }
  Fetch prices
    {
      p {
        price
      }
    }
"""
    )


def test_takes_an_overridden_field_from_its_new_owner() -> None:
    graph = a_supergraph(
        old='type Query { p: P } type P @key(fields: "id") { id: ID! stock: Int }',
        new='type P @key(fields: "id") { id: ID! stock: Int @override(from: "old") }',
    )

    assert (
        planned(graph, "{ p { stock } }")
        == """\
Sequence
  Fetch old
    {
      p {
        id
      }
    }
  Fetch new
    entities at p
      P { id }
    {
      ... on P {
        stock
      }
    }
"""
    )
