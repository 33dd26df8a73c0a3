"""What the subgraphs of the benchmark hold: the shop that federation gateways are usually measured with, and stress.

The shop has the schema, the sizes and the queries of The Guild's public gateway benchmark: four
subgraphs, a big query whose answer is about 87 kB and repeats few objects many times, one that needs
a second subgraph, one that needs a single subgraph. The texts are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations, cycle
from typing import Any

Object = dict[str, Any]

LINK = (
    'extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", '
    'import: ["@key", "@external", "@requires", "@provides", "@shareable"])\n'
)


@dataclass(frozen=True)
class World:
    """Subgraphs by name: their schemas, their root fields, their entities."""

    sdl: Mapping[str, str]
    root: Callable[[str], Object]
    """Root fields of a subgraph; a callable takes the field's arguments."""
    entity: Callable[[str, Object], Object | None]
    """The object that a subgraph knows by a representation."""

    @property
    def federated(self) -> Mapping[str, str]:
        """The schemas with the specification they link."""
        return {name: LINK + sdl for name, sdl in self.sdl.items()}


# ------------------------------------------------------------------------------------- the shop

USERS = [
    ("1", "Wu Jing", "wujing"),
    ("2", "Maria Olsen", "mariaolsen"),
    ("3", "Kofi Mensah", "kofimensah"),
    ("4", "Lena Fischer", "lenafi"),
    ("5", "Ravi Patel", "ravipatel1"),
    ("6", "Chen Min", "chenmi"),
]
PRODUCTS = [
    # upc, name, price, weight, in stock
    ("1", "Table", 899, 100, True),
    ("2", "Couch", 1299, 1000, False),
    ("3", "Glass", 15, 20, False),
    ("4", "Chair", 499, 100, False),
    ("5", "TV", 1299, 1000, True),
    ("6", "Lamp", 6999, 300, True),
    ("7", "Grill", 3999, 2000, True),
    ("8", "Fridge", 100000, 6000, False),
    ("9", "Sofa", 9999, 800, True),
]
REMARKS = """
The parcel came on the day that was promised. Two of the screws were missing, the shop sent them
at once. My neighbour has bought the same one and says it lasts. It looks darker than in the picture.
After half a year of daily use nothing is loose. The instructions need patience and a second person.
I would buy it again for the kitchen, not for the office. Cleaning it is a matter of a minute.
"""
WORDS = cycle(REMARKS.split())
LENGTHS = (446, 290, 276, 144, 446, 290, 276, 144, 144, 144, 845)
REVIEWED = "11112222344"


def _text(length: int) -> str:
    text = ""
    while len(text) < length:
        text += next(WORDS) + " "
    return text[:length]


REVIEWS = [
    (str(number), _text(length), upc)
    for number, (length, upc) in enumerate(zip(LENGTHS, REVIEWED, strict=True), 1)
]

SHOP_SDL = {
    "accounts": """
type Query { me: User  user(id: ID!): User  users: [User] }
type User @key(fields: "id") { id: ID!  name: String  username: String @shareable  birthday: Int }
""",
    "inventory": """
type Product @key(fields: "upc") {
  upc: String!
  weight: Int @external
  price: Int @external
  inStock: Boolean
  shippingEstimate: Int @requires(fields: "price weight")
}
""",
    "products": """
type Query { topProducts(first: Int = 5): [Product] }
type Product @key(fields: "upc") { upc: String!  name: String  price: Int  weight: Int }
""",
    "reviews": """
type Review @key(fields: "id") {
  id: ID!
  body: String
  product: Product
  author: User @provides(fields: "username")
}
type User @key(fields: "id") { id: ID!  username: String @external  reviews: [Review] }
type Product @key(fields: "upc") { upc: String!  reviews: [Review] }
""",
}

BIG = """
fragment User on User { id username name }
fragment Review on Review { id body }
fragment Product on Product { inStock name price shippingEstimate upc weight }
query Big {
  users {
    ...User
    reviews {
      ...Review
      product {
        ...Product
        reviews {
          ...Review
          author { ...User reviews { ...Review product { ...Product } } }
        }
      }
    }
  }
  topProducts {
    ...Product
    reviews {
      ...Review
      author { ...User reviews { ...Review product { ...Product } } }
    }
  }
}
"""
TWO_HOPS = "query TwoHops { topProducts(first: 5) { upc name reviews { id body } } }"
LIGHT = "query Light { users { id name username birthday } }"
QUERIES = {"big": BIG, "two hops": TWO_HOPS, "light": LIGHT}


def shop() -> World:
    """The four subgraphs."""

    def user(id: str) -> Object | None:
        for own, name, username in USERS:
            if own == id:
                return {
                    "__typename": "User",
                    "id": id,
                    "name": name,
                    "username": username,
                    "birthday": 1234567890,
                }
        return None

    def product(upc: str) -> Object | None:
        for own, name, price, weight, stock in PRODUCTS:
            if own == upc:
                return {
                    "__typename": "Product",
                    "upc": upc,
                    "name": name,
                    "price": price,
                    "weight": weight,
                    "inStock": stock,
                }
        return None

    def review(number: int) -> Object:
        id, body, upc = REVIEWS[number]
        return {
            "__typename": "Review",
            "id": id,
            "body": body,
            "product": lambda _: reviewed(upc),
            "author": lambda _: author("1"),
        }

    def author(id: str) -> Object:
        return {
            "__typename": "User",
            "id": id,
            "username": USERS[0][2],
            "reviews": lambda _: [review(0), review(1)],
        }

    def reviewed(upc: str) -> Object:
        return {
            "__typename": "Product",
            "upc": upc,
            "reviews": lambda _: [review(n) for n, (*_, own) in enumerate(REVIEWS) if own == upc],
        }

    def stocked(given: Object) -> Object | None:
        found = product(given["upc"])
        if found is None:
            return None
        price, weight = given.get("price"), given.get("weight")
        free = price is not None and price > 1000
        estimate = 0 if free else weight // 2 if weight is not None else None
        return {**found, "shippingEstimate": estimate}

    def root(graph: str) -> Object:
        match graph:
            case "accounts":
                return {
                    "me": lambda _: user("1"),
                    "user": lambda _, id: user(id),
                    "users": lambda _: [user(id) for id, *_ in USERS],
                }
            case "products":
                return {
                    "topProducts": lambda _, first: [product(upc) for upc, *_ in PRODUCTS[:first]]
                }
            case _:
                return {}

    def entity(graph: str, given: Object) -> Object | None:
        match graph, given["__typename"]:
            case "accounts", "User":
                return user(given["id"])
            case "inventory", "Product":
                return stocked(given)
            case "products", "Product":
                return product(given["upc"])
            case "reviews", "Product":
                return reviewed(given["upc"])
            case "reviews", "User":
                return author(given["id"])
            case "reviews", "Review":
                return review(int(given["id"]) - 1)
        return None

    return World(SHOP_SDL, root, entity)


# ---------------------------------------------------------------------------------- many plans

OFFERED = ("12456", "045", "26", "01346", "01345", "0235", "1236")
"""By subgraph, the numbers of the fields it can answer; every field has four homes or fewer."""


def many_plans() -> World:
    """Seven subgraphs with nearly the same schema, so that a query has astronomically many plans."""

    def sdl(numbers: str) -> str:
        fields = " ".join(f"n{n}: Node f{n}: String" for n in numbers)
        return (
            "type Query @shareable { node: Node }\n"
            f'type Node @key(fields: "id") @shareable {{ id: ID! {fields} }}\n'
        )

    def node(id: str) -> Object:
        return {
            "__typename": "Node",
            "id": id,
            **{f"f{n}": f"f{n}-{id}" for n in range(7)},
            **{f"n{n}": lambda _, n=n: node(f"{id}{n}") for n in range(7)},
        }

    return World(
        {f"sub{number}": sdl(numbers) for number, numbers in enumerate(OFFERED)},
        lambda graph: {"node": lambda _: node("0")},
        lambda graph, given: node(given["id"]),
    )


def many_plans_monolith() -> str:
    """The schema of all seven together."""
    fields = " ".join(f"n{n}: Node f{n}: String" for n in range(7))
    return f"type Query {{ node: Node }} type Node {{ id: ID! {fields} }}"


def many_plans_query() -> str:
    """Four of the seven ways at each of four levels, four of the seven leaves at the end."""
    choices = cycle(combinations(range(7), 4))

    def level(depth: int) -> str:
        chosen = next(choices)
        if depth == 4:
            return " ".join(f"f{n}" for n in chosen)
        return " ".join(f"n{n} {{ {level(depth + 1)} }}" for n in chosen)

    return f"query ManyPlans {{ node {{ {level(0)} }} }}"


# ------------------------------------------------------------------------------------ scaling

TABLE_SDL = {
    "table": """
type Query { rows(count: Int!): [Row!]! }
type Row { id: ID! name: String! city: String price: Float! amount: Int! open: Boolean! note: String }
"""
}


def table() -> World:
    """One subgraph with a table as long as one wishes; a row is about 140 bytes."""

    def row(number: int) -> Object:
        return {
            "id": str(number),
            "name": f"Row number {number}",
            "city": "Hangzhou" if number % 3 else None,
            "price": number / 4,
            "amount": number * 7 % 1000,
            "open": number % 2 == 0,
            "note": "as it was delivered" if number % 5 else None,
        }

    return World(
        TABLE_SDL,
        lambda graph: {"rows": lambda _, count: [row(number) for number in range(count)]},
        lambda graph, given: None,
    )


def table_query(rows: int) -> str:
    """The first rows of the table."""
    return f"query Table {{ rows(count: {rows}) {{ id name city price amount open note }} }}"


def wide(count: int) -> World:
    """One entity that every one of `count` subgraphs knows a field of."""

    def sdl(number: int) -> str:
        query = "type Query { things: [Thing!]! }" if number == 0 else ""
        own = "".join(
            f"type Own{number}x{part} {{ id: ID! name: String! note: String amount: Int }}\n"
            for part in range(3)
        )
        return (
            f'{query}\ntype Thing @key(fields: "id") {{ id: ID! f{number}: String '
            f"own{number}: Own{number}x0 }}\n{own}"
        )

    def thing(id: str) -> Object:
        return {
            "__typename": "Thing",
            "id": id,
            **{f"f{number}": f"{number} of {id}" for number in range(count)},
        }

    return World(
        {f"s{number}": sdl(number) for number in range(count)},
        lambda graph: {"things": lambda _: [thing(str(id)) for id in range(10)]},
        lambda graph, given: thing(given["id"]),
    )


def wide_query(count: int) -> str:
    """A field of every subgraph."""
    fields = " ".join(f"f{number}" for number in range(count))
    return f"query Wide {{ things {{ id {fields} }} }}"
