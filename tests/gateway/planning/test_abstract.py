"""Plans of interfaces, unions and @interfaceObject: each runtime type goes to its owner."""

from __future__ import annotations

import pytest

from gateway.errors import Unplannable
from gateway.operation import parse_operation
from gateway.planning import plan
from gateway.planning.budget import EXPANDING, Budget
from tests.gateway.graphs import a_supergraph, planned

MEDIA = a_supergraph(
    library="""
      type Query { media: [Media!]! search: [Found!]! }
      interface Media { id: ID! title: String }
      union Found = Book | Film | Place
      type Book implements Media @key(fields: "id") { id: ID! title: String pages: Int }
      type Film implements Media @key(fields: "id") { id: ID! title: String minutes: Int }
      type Place { city: String }
    """,
    shop="""
      type Book @key(fields: "id") { id: ID! price: Int }
      type Film @key(fields: "id") { id: ID! price: Int rating: Int }
    """,
)


def test_asks_an_interface_for_what_all_its_types_share() -> None:
    assert (
        planned(MEDIA, "{ media { id title ... on Film { minutes } } }")
        == """\
Fetch library
  {
    media {
      __typename
      id
      title
      ... on Film {
        minutes
      }
    }
  }
"""
    )


def test_enters_each_runtime_type_by_its_own_key_in_one_request() -> None:
    query = "{ media { title ... on Book { price } ... on Film { price rating } } }"

    assert (
        planned(MEDIA, query)
        == """\
Sequence
  Fetch library
    {
      media {
        __typename
        title
        id
      }
    }
  Fetch shop
    entities at media.@
      Book { id }
      Film { id }
    {
      ... on Book {
        price
      }
      ... on Film {
        price
        rating
      }
    }
"""
    )


def test_knows_the_members_of_a_union() -> None:
    query = (
        "{ search { __typename ... on Media { title } ... on Place { city } "
        "... on Film { rating } } }"
    )

    assert (
        planned(MEDIA, query)
        == """\
Sequence
  Fetch library
    {
      search {
        __typename
        ... on Book {
          title
        }
        ... on Film {
          title
          id
        }
        ... on Place {
          city
        }
      }
    }
  Fetch shop
    entities at search.@
      Film { id }
    {
      ... on Film {
        rating
      }
    }
"""
    )


def test_walks_on_only_with_the_objects_of_the_right_type() -> None:
    graph = a_supergraph(
        a="""
          type Query { things: [Thing!]! }
          union Thing = Box | Bag
          type Box { inside: Item }
          type Bag { inside: Item }
          type Item @key(fields: "id") { id: ID! }
        """,
        b='type Item @key(fields: "id") { id: ID! name: String size: Int }',
    )

    assert (
        planned(
            graph,
            "{ things { ... on Box { inside { name } } ... on Bag { inside { name: size } } } }",
        )
        == """\
Sequence
  Fetch a
    {
      things {
        __typename
        ... on Bag {
          inside {
            id
          }
        }
        ... on Box {
          inside {
            id
          }
        }
      }
    }
  Fetch b
    entities e0 at things.@<Bag>.inside
      Item { id }
    entities e1 at things.@<Box>.inside
      Item { id }
    {
      e0: _entities(representations: $representations0) {
        ... on Item {
          name: size
        }
      }
      e1: _entities(representations: $representations1) {
        ... on Item {
          _name: name
        }
      }
    }
"""
    )


def test_renames_a_key_that_two_types_declare_differently() -> None:
    graph = a_supergraph(
        a="""
          type Query { all: [Both!]! }
          union Both = One | Two
          type One @key(fields: "id") { id: ID! }
          type Two @key(fields: "id") { id: ID @shareable }
        """,
        b='type One @key(fields: "id") { id: ID! n: Int } '
        'type Two @key(fields: "id") { id: ID @shareable n: Int }',
    )

    assert (
        planned(graph, "{ all { ... on One { n } ... on Two { n } } }")
        == """\
Sequence
  Fetch a
    {
      all {
        __typename
        ... on One {
          id
        }
        ... on Two {
          _id: id
        }
      }
    }
  Fetch b
    entities at all.@
      One { id }
      Two { id<-_id }
    {
      ... on One {
        n
      }
      ... on Two {
        n
      }
    }
"""
    )


ACCOUNTS = a_supergraph(
    types="""
      type Query { accounts: [Account!]! }
      interface Account @key(fields: "id") { id: ID! }
      type Admin implements Account @key(fields: "id") { id: ID! level: Int }
      type Guest implements Account @key(fields: "id") { id: ID! }
    """,
    extras="""
      type Query { newest: Account! }
      type Account @key(fields: "id") @interfaceObject { id: ID! logins: Int }
    """,
)


def test_adds_fields_of_an_interface_object_to_every_type() -> None:
    assert (
        planned(ACCOUNTS, "{ accounts { id logins } }")
        == """\
Sequence
  Fetch types
    {
      accounts {
        __typename
        id
      }
    }
  Fetch extras
    entities at accounts.@
      Account { id } for Admin, Guest
    {
      ... on Account {
        logins
      }
    }
"""
    )


def test_asks_who_an_interface_object_really_is() -> None:
    assert (
        planned(ACCOUNTS, "{ newest { logins ... on Admin { level } } }")
        == """\
Sequence
  Fetch extras
    {
      newest {
        __typename
        id
        logins
      }
    }
  Fetch types
    entities at newest
      Account { id } for Admin, Guest
    {
      ... on Account {
        __typename
        ... on Admin {
          level
        }
      }
    }
"""
    )


def test_refuses_what_no_subgraph_can_reach() -> None:
    graph = a_supergraph(
        a='type Query { a: Node } interface Node @key(fields: "id") { id: ID! }',
        b="""
          type Query { b: Node }
          type Node @key(fields: "id", resolvable: false) @interfaceObject { id: ID! field: String }
        """,
    )

    with pytest.raises(Unplannable, match=r"Query\.a"):
        plan(graph, parse_operation("{ a { field } }"))


def test_an_interface_within_itself_costs_no_more_the_deeper_it_is_asked() -> None:
    types = "".join(f"type T{n} implements N {{ id: ID! next: N own{n}: Int }} " for n in range(6))
    graph = a_supergraph(a=f"type Query {{ n: N }} interface N {{ id: ID! next: N }} {types}")
    own = " ".join(f"... on T{n} {{ own{n} }}" for n in range(6))

    def steps(depth: int) -> int:
        budget = Budget()
        query = "{ n " + f"{{ id {own} next " * depth + "{ id }" + " }" * depth + " }"
        plan(graph, parse_operation(query), budget=budget)
        return EXPANDING - budget.expanding

    assert steps(12) < 3 * steps(6), "linear, where 6 types at each of 12 levels would be 6^12"
