"""graphql-transport-ws between client and gateway, and subscriptions through the plan."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from gateway.settings import SubscriptionLimits
from tests.gateway.serving import auction
from tests.gateway.serving.subscribing import AuctionHouse, auction_house, nobody_watches

BIDS = "subscription { bids(count: 2) { number bidder { name } } }"
EVENTS = [
    {"data": {"bids": {"number": 0, "bidder": {"name": "Ann"}}}},
    {"data": {"bids": {"number": 1, "bidder": {"name": "Bo"}}}},
]


@pytest.fixture(scope="module")
def house() -> Iterator[AuctionHouse]:
    with auction_house(subscription_limits=SubscriptionLimits(per_connection=2)) as running:
        yield running


async def test_completes_every_event_through_the_plan(house: AuctionHouse) -> None:
    async with house.connected() as client:
        await client.subscribe(BIDS)

        assert await client.all() == [
            {"id": "1", "type": "next", "payload": EVENTS[0]},
            {"id": "1", "type": "next", "payload": EVENTS[1]},
            {"id": "1", "type": "complete"},
        ]


async def test_follows_a_source_that_speaks_sse() -> None:
    with auction_house("sse") as house:
        async with house.connected() as client:
            await client.subscribe(BIDS)
            found = await client.all()

            assert [each.get("payload") for each in found] == [*EVENTS, None]


async def test_runs_queries_and_mutations_too(house: AuctionHouse) -> None:
    async with house.connected() as client:
        await client.subscribe("{ bids { bidder { name } } }", id="q")
        query = await client.all()
        await client.subscribe(
            "mutation B($a: Int!) { bid(amount: $a) { amount } }",
            id="m",
            variables={"a": 7},
            operationName="B",
        )
        mutation = await client.all()

    names = [{"bidder": {"name": "Ann"}}, {"bidder": {"name": "Bo"}}]
    assert query[0]["payload"] == {"data": {"bids": names}}
    assert mutation[0]["payload"] == {"data": {"bid": {"amount": 7}}}
    assert [each["type"] for each in (*query, *mutation)] == ["next", "complete"] * 2


async def test_carries_several_operations_at_once(house: AuctionHouse) -> None:
    async with house.connected() as client:
        await client.subscribe("subscription { bids(count: 2, pause: 0.2) { number } }", id="slow")
        await client.subscribe("{ bids { number } }", id="fast")
        found = [await client.hear() for _ in range(5)]

    assert [each["id"] for each in found] == ["fast", "fast", "slow", "slow", "slow"]


async def test_null_rises_and_errors_have_the_clients_path(house: AuctionHouse) -> None:
    async with house.connected() as client:
        await client.subscribe(
            'subscription { bids(count: 2, odd: "u9") { number bidder { who: nickname } } }'
        )
        fine, partly, _ = await client.all()
        await client.subscribe('subscription { bids(count: 2, odd: "u9") { bidder { name } } }')
        _, nothing, _ = await client.all()

    assert fine["payload"] == {"data": {"bids": {"number": 0, "bidder": {"who": "ANN"}}}}
    assert partly["payload"]["data"] == {"bids": {"number": 1, "bidder": {"who": None}}}
    (error,) = partly["payload"]["errors"]
    assert error["path"] == ["bids", "bidder", "who"]
    assert error["extensions"]["service"] == "people"
    assert nothing["payload"]["data"] is None


async def test_says_what_the_source_reported(house: AuctionHouse) -> None:
    async with house.connected() as client:
        await client.subscribe("subscription { broken }")
        first, second, end = await client.all()

    assert first["payload"] == {"data": {"broken": 1}}
    assert second["payload"]["errors"][0]["message"] == "the hammer fell"
    assert end["type"] == "complete"


async def test_refuses_what_cannot_be_run_with_an_error_message(house: AuctionHouse) -> None:
    async with house.connected() as client:
        await client.subscribe("subscription { nothing }")
        (message,) = await client.all()

    assert (message["id"], message["type"]) == ("1", "error")
    assert message["payload"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


async def test_passes_the_token_of_the_payload_on(house: AuctionHouse) -> None:
    async with house.connected(token="Bearer me") as client:
        await client.subscribe("subscription { bids(count: 1) { heard } }")
        found = await client.all()

    assert found[0]["payload"] == {"data": {"bids": {"heard": "Bearer me"}}}


async def test_complete_from_the_client_ends_the_source_and_frees_the_id(
    house: AuctionHouse,
) -> None:
    async with house.connected() as client:
        await client.subscribe("subscription { bids(count: 1000, pause: 0.02) { number } }")
        await client.hear()
        assert len(auction.WATCHERS) == 1
        await client.say(type="complete", id="1")
        await nobody_watches(house)
        await client.subscribe("{ watchers }")
        while (message := await client.hear())["payload"].get("data", {}).get("bids"):
            pass
        assert message["payload"] == {"data": {"watchers": 0}}


async def test_a_client_that_leaves_leaves_nothing_behind(house: AuctionHouse) -> None:
    async with house.connected() as client:
        await client.subscribe("subscription { bids(count: 1000, pause: 0.02) { number } }")
        await client.hear()
    await nobody_watches(house)


async def test_limits_operations_of_one_connection(house: AuctionHouse) -> None:
    endless = "subscription { bids(count: 1000, pause: 5) { number } }"
    async with house.connected() as client:
        for id in ("1", "2", "3"):
            await client.subscribe(endless, id=id)
        message = await client.hear()

    assert (message["id"], message["type"]) == ("3", "error")
    assert message["payload"][0]["extensions"] == {"code": "TOO_MANY_SUBSCRIPTIONS", "limit": 2}


# ------------------------------------------------------------------------------------- protocol


async def test_answers_pings_before_and_after_the_beginning(house: AuctionHouse) -> None:
    async with house.raw() as client:
        await client.say(type="ping", payload={"a": 1})
        assert await client.hear() == {"type": "pong", "payload": {"a": 1}}
        await client.say(type="connection_init")
        assert await client.hear() == {"type": "connection_ack"}
        await client.say(type="ping")
        assert await client.hear() == {"type": "pong"}
        await client.say(type="pong")


@pytest.mark.parametrize(
    "message",
    [
        "{",
        "[]",
        "1",
        '{"type": 1}',
        '{"type": "start"}',
        '{"type": "subscribe", "id": 1}',
        '{"type": "subscribe", "id": "1"}',
        '{"type": "subscribe", "id": "1", "payload": {"query": 1}}',
        '{"type": "complete"}',
        '{"type": "ping", "payload": "x"}',
    ],
)
async def test_closes_on_nonsense(house: AuctionHouse, message: str) -> None:
    async with house.connected() as client:
        await client.connection.send(message)
        code, reason = await client.closed()

    assert code == 4400
    assert reason


async def test_closes_on_binary_messages(house: AuctionHouse) -> None:
    async with house.connected() as client:
        await client.connection.send(b'{"type":"ping"}')
        assert (await client.closed())[0] == 4400


async def test_wants_connection_init_first(house: AuctionHouse) -> None:
    async with house.raw() as client:
        await client.subscribe(BIDS)
        assert await client.closed() == (4401, "Unauthorized")


async def test_wants_connection_init_once(house: AuctionHouse) -> None:
    async with house.connected() as client:
        await client.say(type="connection_init")
        assert await client.closed() == (4429, "Too many initialisation requests")


async def test_wants_each_id_once(house: AuctionHouse) -> None:
    async with house.connected() as client:
        for _ in range(2):
            await client.subscribe("subscription { bids(count: 9, pause: 5) { number } }")
        assert await client.closed() == (4409, "Subscriber for 1 already exists")


async def test_waits_for_connection_init_only_so_long() -> None:
    with auction_house(subscription_limits=SubscriptionLimits(init_seconds=0.2)) as house:
        async with house.raw() as client:
            assert await client.closed() == (4408, "Connection initialisation timeout")
        async with house.connected() as client:
            await asyncio.sleep(0.4)
            await client.subscribe("{ watchers }")
            assert (await client.hear())["type"] == "next"


async def test_speaks_no_older_protocol(house: AuctionHouse) -> None:
    async with house.raw("graphql-ws") as client:
        assert await client.closed() == (4406, "Subprotocol not acceptable")
