"""A small shop in three Strawberry subgraphs, and the same shop as one schema
to compare answers with."""

from __future__ import annotations

from typing import Annotated, Any, cast

import strawberry
from strawberry.federation.schema_directives import Key
from strawberry.federation.types import FieldSet
from strawberry.scalars import JSON
from strawberry.types import Info

USERS = {"u1": "Ann", "u2": "Bo"}
PRODUCTS = {"p1": ("Table", 90, "u1"), "p2": ("Chair", 40, "u2"), "p3": ("Lamp", None, "u1")}
REVIEWS = [("r1", "p1", "u1", "Solid"), ("r2", "p1", "u2", None), ("r3", "p3", "u2", "Bright")]

BROKEN: set[str] = set()
"""Ids whose names and reviews cannot be read, for tests that want errors."""


def working(id: str) -> str:
    if id in BROKEN:
        raise ValueError(f"{id} is broken")
    return id


FOUND = strawberry.union("Found")


def matching(word: str) -> list[str]:
    return [upc for upc, (name, *_) in PRODUCTS.items() if word in name.lower()]


# ------------------------------------------------------------------------------------- accounts


@strawberry.federation.type(name="User", keys=["id"])
class AccountUser:
    id: strawberry.ID

    @strawberry.field
    def name(self) -> str:
        return USERS[working(self.id)]

    @classmethod
    def resolve_reference(cls, id: strawberry.ID) -> AccountUser:
        return cls(id=id)


@strawberry.type
class Session:
    access_token: str | None
    errors: list[Refusal]


@strawberry.type
class Refusal:
    message: str


@strawberry.type(name="Query")
class AccountQuery:
    @strawberry.field
    def me(self, info: Info) -> AccountUser | None:
        token = info.context["request"].headers.get("authorization", "")
        return AccountUser(id=strawberry.ID(token.removeprefix("Bearer "))) if token else None

    @strawberry.field
    def headers(self, info: Info, names: list[str]) -> list[str | None]:
        return [info.context["request"].headers.get(name) for name in names]

    @strawberry.field
    def nested(self, levels: int) -> JSON:
        value: Any = 1
        for _ in range(levels):
            value = {"in": value}
        return cast(JSON, value)

    @strawberry.field
    def user(self, id: strawberry.ID) -> AccountUser | None:
        return AccountUser(id=id)


@strawberry.type(name="Mutation")
class AccountMutation:
    @strawberry.mutation
    def sign_in(self, username: str, password: str) -> Session:
        if password != "open sesame":
            return Session(access_token=None, errors=[Refusal(message="Wrong password.")])
        return Session(access_token="u1", errors=[])


accounts = strawberry.federation.Schema(query=AccountQuery, mutation=AccountMutation)

# ------------------------------------------------------------------------------------- products


@strawberry.federation.type(name="User", keys=[Key(fields=FieldSet("id"), resolvable=False)])
class ProductUser:
    id: strawberry.ID


@strawberry.federation.type(keys=["upc"])
class Product:
    upc: strawberry.ID
    name: str
    price: int | None
    owner: ProductUser

    @classmethod
    def resolve_reference(cls, upc: strawberry.ID) -> Product | None:
        return product(upc)


def product(upc: str) -> Product | None:
    if upc not in PRODUCTS:
        return None
    name, price, owner = PRODUCTS[upc]
    return Product(
        upc=strawberry.ID(upc),
        name=name,
        price=price,
        owner=ProductUser(id=strawberry.ID(owner)),
    )


@strawberry.type(name="Query")
class ProductQuery:
    @strawberry.field
    def products(self, first: int = 10) -> list[Product]:
        return [found for upc in list(PRODUCTS)[:first] if (found := product(upc))]

    @strawberry.field
    def product(self, upc: strawberry.ID) -> Product | None:
        return product(upc)

    @strawberry.field
    def search(self, word: str = "a") -> list[Annotated[Product | ProductUser, FOUND] | None]:
        users = [ProductUser(id=strawberry.ID(id)) for id in USERS]
        return [*(product(upc) for upc in matching(word)), None, *users]


products = strawberry.federation.Schema(query=ProductQuery)

# -------------------------------------------------------------------------------------- reviews


@strawberry.federation.type(name="Product", keys=["upc"])
class ReviewProduct:
    upc: strawberry.ID

    @strawberry.field
    def reviews(self) -> list[Review]:
        return [a_review(row) for row in REVIEWS if row[1] == working(self.upc)]


@strawberry.federation.type(name="User", keys=["id"])
class ReviewUser:
    id: strawberry.ID

    @strawberry.field
    def reviews(self) -> list[Review]:
        return [a_review(row) for row in REVIEWS if row[2] == self.id]


@strawberry.federation.type(keys=["id"])
class Review:
    id: strawberry.ID
    text: str | None
    product: ReviewProduct
    author: ReviewUser


def a_review(row: tuple[str, str, str, str | None]) -> Review:
    id, upc, author, text = row
    return Review(
        id=strawberry.ID(id),
        text=text,
        product=ReviewProduct(upc=strawberry.ID(upc)),
        author=ReviewUser(id=strawberry.ID(author)),
    )


@strawberry.type(name="Query")
class ReviewQuery:
    @strawberry.field
    def reviews(self) -> list[Review]:
        return [a_review(row) for row in REVIEWS]


reviews = strawberry.federation.Schema(query=ReviewQuery, types=[ReviewProduct, ReviewUser])

# ----------------------------------------------------------------------------- all in one schema


@strawberry.type(name="User")
class WholeUser:
    id: strawberry.ID

    @strawberry.field
    def name(self) -> str:
        return USERS[working(self.id)]

    @strawberry.field
    def reviews(self) -> list[WholeReview]:
        return [WholeReview(row=row) for row in REVIEWS if row[2] == self.id]


@strawberry.type(name="Product")
class WholeProduct:
    upc: strawberry.ID
    name: str
    price: int | None
    owner: WholeUser

    @strawberry.field
    def reviews(self) -> list[WholeReview]:
        return [WholeReview(row=row) for row in REVIEWS if row[1] == working(self.upc)]


@strawberry.type(name="Review")
class WholeReview:
    row: strawberry.Private[Any]

    @strawberry.field
    def id(self) -> strawberry.ID:
        return strawberry.ID(self.row[0])

    @strawberry.field
    def text(self) -> str | None:
        text: str | None = self.row[3]
        return text

    @strawberry.field
    def product(self) -> WholeProduct:
        return whole(self.row[1])

    @strawberry.field
    def author(self) -> WholeUser:
        return WholeUser(id=strawberry.ID(self.row[2]))


def whole(upc: str) -> WholeProduct:
    name, price, owner = PRODUCTS[upc]
    return WholeProduct(
        upc=strawberry.ID(upc), name=name, price=price, owner=WholeUser(id=strawberry.ID(owner))
    )


@strawberry.type(name="Query")
class WholeQuery:
    @strawberry.field
    def user(self, id: strawberry.ID) -> WholeUser | None:
        return WholeUser(id=id)

    @strawberry.field
    def products(self, first: int = 10) -> list[WholeProduct]:
        return [whole(upc) for upc in list(PRODUCTS)[:first]]

    @strawberry.field
    def product(self, upc: strawberry.ID) -> WholeProduct | None:
        return whole(upc) if upc in PRODUCTS else None

    @strawberry.field
    def reviews(self) -> list[WholeReview]:
        return [WholeReview(row=row) for row in REVIEWS]

    @strawberry.field
    def search(self, word: str = "a") -> list[Annotated[WholeProduct | WholeUser, FOUND] | None]:
        users = [WholeUser(id=strawberry.ID(id)) for id in USERS]
        return [*(whole(upc) for upc in matching(word)), None, *users]


monolith = strawberry.Schema(query=WholeQuery)
