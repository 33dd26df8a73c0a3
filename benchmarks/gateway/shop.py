"""The shop that federation gateways are usually measured with.

It has the schema, the sizes and the queries of The Guild's public gateway benchmark: four
subgraphs, a big query whose answer is about 87 kB and repeats few objects many times, one that
needs a second subgraph, one that needs a single subgraph. The texts are ours.
"""

from __future__ import annotations

from itertools import cycle

from benchmarks.gateway.world import Object, World

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
at once. My neighbour has bought the same one and says it lasts. It looks darker than in the
picture. After half a year of daily use nothing is loose. The instructions need patience and a
second person. I would buy it again for the kitchen, not for the office. Cleaning it is a
matter of a minute.
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
    """Return the world of the four subgraphs."""
    return World(SHOP_SDL, _root, _entity)


def _root(graph: str) -> Object:
    match graph:
        case "accounts":
            return {
                "me": lambda _: _user("1"),
                "user": lambda _, id: _user(id),
                "users": lambda _: [_user(id) for id, *_ in USERS],
            }
        case "products":
            return {"topProducts": lambda _, first: [_product(upc) for upc, *_ in PRODUCTS[:first]]}
        case _:
            return {}


def _entity(graph: str, representation: Object) -> Object | None:
    match graph, representation["__typename"]:
        case "accounts", "User":
            return _user(representation["id"])
        case "inventory", "Product":
            return _stocked_product(representation)
        case "products", "Product":
            return _product(representation["upc"])
        case "reviews", "Product":
            return _reviewed_product(representation["upc"])
        case "reviews", "User":
            return _author(representation["id"])
        case "reviews", "Review":
            return _review(int(representation["id"]) - 1)
    return None


def _user(id: str) -> Object | None:
    for user_id, name, username in USERS:
        if user_id == id:
            return {
                "__typename": "User",
                "id": id,
                "name": name,
                "username": username,
                "birthday": 1234567890,
            }
    return None


def _product(upc: str) -> Object | None:
    for product_upc, name, price, weight, in_stock in PRODUCTS:
        if product_upc == upc:
            return {
                "__typename": "Product",
                "upc": upc,
                "name": name,
                "price": price,
                "weight": weight,
                "inStock": in_stock,
            }
    return None


def _stocked_product(representation: Object) -> Object | None:
    product = _product(representation["upc"])
    if product is None:
        return None
    price, weight = representation.get("price"), representation.get("weight")
    free = price is not None and price > 1000
    estimate = 0 if free else weight // 2 if weight is not None else None
    return {**product, "shippingEstimate": estimate}


def _reviewed_product(upc: str) -> Object:
    return {
        "__typename": "Product",
        "upc": upc,
        "reviews": lambda _: [
            _review(number) for number, (*_, reviewed) in enumerate(REVIEWS) if reviewed == upc
        ],
    }


def _review(number: int) -> Object:
    id, body, upc = REVIEWS[number]
    return {
        "__typename": "Review",
        "id": id,
        "body": body,
        "product": lambda _: _reviewed_product(upc),
        "author": lambda _: _author("1"),
    }


def _author(id: str) -> Object:
    return {
        "__typename": "User",
        "id": id,
        "username": USERS[0][2],
        "reviews": lambda _: [_review(0), _review(1)],
    }
