"""An auction house in two Strawberry subgraphs: bids are events, and who bid is known elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated

import strawberry
from strawberry.types import Info

PEOPLE = {"u1": "Ann", "u2": "Bo"}


READ: list[str] = []
"""Whose biographies were read."""


@strawberry.federation.type(name="Person", keys=["id"])
class Person:
    id: strawberry.ID

    @strawberry.field
    def name(self) -> str:
        if self.id not in PEOPLE:
            raise ValueError(f"nobody is {self.id}")
        return PEOPLE[self.id]

    @strawberry.field
    def nickname(self) -> str | None:
        if self.id not in PEOPLE:
            raise ValueError(f"nobody is {self.id}")
        return PEOPLE[self.id].upper()

    @strawberry.field
    async def biography(self) -> str:
        READ.append(self.id)
        await asyncio.sleep(0.4)
        return f"{PEOPLE[self.id]} was born."

    @classmethod
    def resolve_reference(cls, id: strawberry.ID) -> Person:
        return cls(id=id)


@strawberry.type(name="Query")
class PeopleQuery:
    @strawberry.field
    def person(self, id: strawberry.ID) -> Person | None:
        return Person(id=id)


people = strawberry.federation.Schema(query=PeopleQuery, types=[Person])


@strawberry.federation.type(name="Person", keys=["id"])
class Bidder:
    id: strawberry.ID

    @classmethod
    def resolve_reference(cls, id: strawberry.ID) -> Bidder:
        return cls(id=id)


@strawberry.type
class Bid:
    number: int
    amount: int
    bidder: Bidder
    heard: str | None = None


@strawberry.type(name="Query")
class AuctionQuery:
    @strawberry.field
    def bids(self, odd: str = "u2") -> list[Bid]:
        return [_bid(number, odd) for number in range(2)]

    @strawberry.field
    def watchers(self) -> int:
        return len(WATCHERS)


@strawberry.type(name="Mutation")
class AuctionMutation:
    @strawberry.mutation
    def bid(self, amount: int) -> Bid:
        return Bid(number=0, amount=amount, bidder=Bidder(id=strawberry.ID("u1")))


WATCHERS: set[object] = set()
"""Subscriptions under way at the subgraph."""
SENT: list[int] = []
"""Numbers of the events that were taken from the last flood."""

Pause = Annotated[float, strawberry.argument(description="Seconds before each bid.")]


@strawberry.type(name="Subscription")
class AuctionSubscription:
    @strawberry.subscription
    async def bids(
        self, info: Info, count: int = 3, pause: Pause = 0.0, odd: str = "u2"
    ) -> AsyncGenerator[Bid, None]:
        me = object()
        WATCHERS.add(me)
        request = info.context.get("request") or info.context.get("ws")
        heard = request.headers.get("authorization") if request else None
        try:
            for number in range(count):
                await asyncio.sleep(pause)
                yield _bid(number, odd, heard)
        finally:
            WATCHERS.discard(me)

    @strawberry.subscription
    async def flood(self, size: int) -> AsyncGenerator[str, None]:
        me = object()
        WATCHERS.add(me)
        SENT.clear()
        try:
            for number in range(100_000):
                SENT.append(number)
                yield "x" * size
        finally:
            WATCHERS.discard(me)

    @strawberry.subscription
    async def broken(self) -> AsyncGenerator[int, None]:
        yield 1
        raise ValueError("the hammer fell")


def _bid(number: int, odd: str = "u2", heard: str | None = None) -> Bid:
    bidder = Bidder(id=strawberry.ID(odd if number % 2 else "u1"))
    return Bid(number=number, amount=100 + number, bidder=bidder, heard=heard)


auction = strawberry.federation.Schema(
    query=AuctionQuery, mutation=AuctionMutation, subscription=AuctionSubscription
)
