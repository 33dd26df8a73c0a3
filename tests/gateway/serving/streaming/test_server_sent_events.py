"""Server-sent events between client and gateway."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest
import requests

from gateway.settings import SubscriptionLimits
from tests.gateway.serving.subscribing import AuctionHouse, auction_house, events, nobody_watches

BIDS = "subscription { bids(count: 2) { number bidder { name } } }"
EVENTS = [
    ("next", {"data": {"bids": {"number": 0, "bidder": {"name": "Ann"}}}}),
    ("next", {"data": {"bids": {"number": 1, "bidder": {"name": "Bo"}}}}),
    ("complete", None),
]


@pytest.fixture(scope="module", params=["ws", "sse"])
def house(request: pytest.FixtureRequest) -> Iterator[AuctionHouse]:
    limits = SubscriptionLimits(keep_alive_seconds=0.1, per_process=1)
    with auction_house(request.param, subscription_limits=limits) as running:
        yield running


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_completes_every_event_through_the_plan(house: AuctionHouse, method: str) -> None:
    assert events(house.stream(BIDS, method)) == EVENTS


def test_an_event_waits_for_no_other(house: AuctionHouse) -> None:
    with house.stream("subscription { bids(count: 2, pause: 0.5) { number } }") as response:
        chunks = response.iter_content(None)
        first = next(chunk for chunk in chunks if chunk.startswith(b"event: next"))
        came = time.monotonic()
        second = next(chunk for chunk in chunks if chunk.startswith(b"event: next"))

    assert b'"number":0' in first
    assert b'"number":1' in second
    assert time.monotonic() - came > 0.25, "both came when the second was there"
    asyncio.run(nobody_watches(house))


def test_runs_queries_too(house: AuctionHouse) -> None:
    assert events(house.stream("{ watchers }")) == [
        ("next", {"data": {"watchers": 0}}),
        ("complete", None),
    ]


def test_passes_headers_on(house: AuctionHouse) -> None:
    query = "subscription { bids(count: 1) { heard } }"
    first, _ = events(house.stream(query, authorization="Bearer me"))

    assert first == ("next", {"data": {"bids": {"heard": "Bearer me"}}})


def test_says_what_the_source_reported(house: AuctionHouse) -> None:
    found = events(house.stream("subscription { broken }"))

    assert found[0] == ("next", {"data": {"broken": 1}})
    assert found[1][1]["errors"][0]["message"] == "the hammer fell"
    assert found[2] == ("complete", None)


def test_refuses_within_the_stream_what_cannot_be_run(house: AuctionHouse) -> None:
    (kind, answer), end = events(house.stream("subscription { nothing }"))

    assert (kind, end) == ("next", ("complete", None))
    assert answer["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert "data" not in answer


def test_refuses_with_a_status_what_is_no_request(house: AuctionHouse) -> None:
    assert house.stream("mutation { bid(amount: 1) { amount } }", "GET").status_code == 405
    assert house.stream("", "POST").status_code == 400


def test_a_plain_client_learns_where_subscriptions_are(house: AuctionHouse) -> None:
    answer = requests.post(f"{house.url}/graphql", json={"query": BIDS}, timeout=5).json()

    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "SUBSCRIPTIONS_NOT_SUPPORTED"
    assert "text/event-stream" in error["message"]


def test_stays_alive_in_silence_limits_and_notices_who_leaves(house: AuctionHouse) -> None:
    endless = "subscription { bids(count: 1000, pause: 5) { number } }"
    with house.stream(endless) as response:
        chunks = response.iter_content(None)
        assert [next(chunks), next(chunks)] == [b":\n\n"] * 2
        (_, refusal), _ = events(house.stream(endless))
    assert refusal["errors"][0]["extensions"]["code"] == "TOO_MANY_SUBSCRIPTIONS"
    asyncio.run(nobody_watches(house))
