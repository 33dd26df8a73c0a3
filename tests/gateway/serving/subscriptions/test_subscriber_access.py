"""What protects requests protects subscriptions too: over WebSocket, over SSE,
and as long as they last."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from gateway.protection import PersistedQueries, Protection, Rates
from tests.gateway.serving.issuing import Identity, an_issuer, checks
from tests.gateway.serving.subscribing import AuctionHouse, auction_house, events

BIDS = "subscription { bids(count: 1) { number bidder { name } } }"
FOR_EVER = "subscription { bids(count: 100, pause: 0.2) { number } }"
LINK = '@link(url: "https://specs.apollo.dev/authenticated/v0.1", for: SECURITY)'


def guarded(sdl: str) -> str:
    """Names are for those who signed in."""
    linked = sdl.replace("schema\n", f"schema\n  {LINK}\n", 1)
    assert "  name: String!" in sdl
    return linked.replace("  name: String!", "  name: String! @authenticated")


@pytest.fixture(scope="module")
def identity() -> Iterator[Identity]:
    with an_issuer() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def house(identity: Identity) -> Iterator[AuctionHouse]:
    protection = Protection(authentication=checks(identity, leeway_seconds=0))
    with auction_house(edited=guarded, protection=protection) as running:
        yield running


async def test_events_hold_what_the_subscriber_may_see(
    house: AuctionHouse, identity: Identity
) -> None:
    async with house.connected() as client:
        await client.subscribe(BIDS)
        nobody, *_ = await client.all()
    async with house.connected(f"Bearer {identity.token()}") as client:
        await client.subscribe(BIDS)
        somebody, *_ = await client.all()

    assert nobody["payload"]["data"] is None
    assert [error["path"] for error in nobody["payload"]["errors"]] == [["bids", "bidder", "name"]]
    assert somebody["payload"] == {"data": {"bids": {"number": 0, "bidder": {"name": "Ann"}}}}


async def test_a_bad_token_begins_nothing(house: AuctionHouse) -> None:
    async with house.connected("Bearer nonsense") as client:
        await client.subscribe(BIDS)
        (error,) = await client.all()

    assert error["type"] == "error"
    assert error["payload"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert house.stream(BIDS, authorization="Bearer nonsense").status_code == 401


async def test_a_subscription_ends_with_its_token(house: AuctionHouse, identity: Identity) -> None:
    token = identity.token(exp=int(time.time()) + 2)
    async with house.connected(f"Bearer {token}") as client:
        await client.subscribe(FOR_EVER)
        *found, last = await client.all()

    assert found
    assert last["type"] == "error"
    assert last["payload"][0]["extensions"]["code"] == "UNAUTHENTICATED"


def test_an_event_stream_holds_what_the_subscriber_may_see(
    house: AuctionHouse, identity: Identity
) -> None:
    nobody, _ = events(house.stream(BIDS))
    somebody, _ = events(house.stream(BIDS, authorization=f"Bearer {identity.token()}"))

    assert nobody[1]["data"] is None
    assert somebody[1] == {"data": {"bids": {"number": 0, "bidder": {"name": "Ann"}}}}


async def test_operations_of_one_connection_are_counted_one_by_one() -> None:
    limited = Protection(rates=Rates(requests=2), persisted=PersistedQueries(), cost=9)
    with auction_house(protection=limited) as house:
        async with house.connected() as client:
            await client.subscribe("{ watchers }")
            first = await client.all()
            await client.subscribe("{ bids { number bidder { id } } }")
            dear = await client.all()
            await client.subscribe("{ watchers }")
            third = await client.all()

    assert first[0]["payload"] == {"data": {"watchers": 0}}
    assert dear[0]["payload"][0]["extensions"]["code"] == "COST_ESTIMATED_TOO_EXPENSIVE"
    assert third[0]["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
