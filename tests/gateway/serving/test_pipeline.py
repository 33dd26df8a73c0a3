"""Every transport takes its requests through the same steps:
JSON, parts of `@defer`, SSE and WebSocket."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from gateway.protection import Policies, Protection, Rates
from gateway.serving.protection.policy_decisions import PolicyQuestion
from tests.gateway.serving import auction
from tests.gateway.serving.issuing import an_issuer, checks
from tests.gateway.serving.subscribing import AuctionHouse, auction_house

LINK = '@link(url: "https://specs.apollo.dev/policy/v0.1", for: SECURITY)'
PERSON = '{ watchers ... @defer { person(id: "u1") { nickname } } }'
BIDS = "{ bids { number ... @defer { bidder { nickname } } } }"
EVENTS = "subscription { bids(count: 2) { number bidder { nickname } } }"
SECRET = "UNAUTHORIZED_FIELD_OR_TYPE"

Responses = list[dict[str, Any]]
Transport = Callable[..., Awaitable[Responses]]


async def as_json(house: AuctionHouse, query: str, headers: Mapping[str, str], **more: Any) -> Any:
    response = await _post(house, query, {**headers, "accept": "application/json"}, more)
    return [response.json()]


async def in_parts(house: AuctionHouse, query: str, headers: Mapping[str, str], **more: Any) -> Any:
    accept = "multipart/mixed, application/json"
    response = await _post(house, query, {**headers, "accept": accept}, more)
    if response.headers["content-type"].startswith("application/json"):
        return [response.json()]
    _, *texts, _ = response.content.decode().split("\r\n---")
    first, *later = [json.loads(text.split("\r\n\r\n", 1)[1]) for text in texts]
    pieces = [piece for part in later for piece in part.get("incremental", ())]
    errors = [error for piece in pieces for error in piece.get("errors", ())]
    assert first["hasNext"], "it was deferred"
    return [{**first, "errors": [*first.get("errors", ()), *errors], "later": pieces}]


async def as_events(
    house: AuctionHouse, query: str, headers: Mapping[str, str], **more: Any
) -> Any:
    response = await _post(house, query, {**headers, "accept": "text/event-stream"}, more)
    if not response.headers["content-type"].startswith("text/event-stream"):
        return [response.json()]
    lines = response.content.decode().split("\n")
    return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]


async def over_websocket(
    house: AuctionHouse, query: str, headers: Mapping[str, str], **more: Any
) -> Any:
    found: Responses = []
    async with connect(
        house.ws,
        subprotocols=[Subprotocol(GRAPHQL_TRANSPORT_WS_PROTOCOL)],
        additional_headers=dict(headers),
        proxy=None,
    ) as connection:
        await connection.send('{"type": "connection_init"}')
        payload = {"query": query, **more}
        await connection.recv()
        await connection.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
        while (message := json.loads(await connection.recv()))["type"] == "next":
            found.append(message["payload"])
    return found if message["type"] == "complete" else [*found, {"errors": message["payload"]}]


async def _post(house: AuctionHouse, query: str, headers: Any, more: Any) -> requests.Response:
    body = {"query": query, **more}
    address = f"{house.url}/graphql"
    return await asyncio.to_thread(requests.post, address, json=body, headers=headers, timeout=10)


ALL = pytest.mark.parametrize("transport", [as_json, in_parts, as_events, over_websocket])
STREAMS = pytest.mark.parametrize("transport", [as_events, over_websocket])


@dataclass
class Judge:
    """Decides policies as a test wants it to."""

    holds: frozenset[str] = frozenset()
    seconds: float = 0
    asked: int = 0


JUDGE = Judge()


async def decide(question: PolicyQuestion) -> Iterable[str]:
    JUDGE.asked += 1
    await asyncio.sleep(JUDGE.seconds)
    return JUDGE.holds


def guarded(sdl: str) -> str:
    assert "  nickname: String" in sdl
    return sdl.replace("schema\n", f"schema\n  {LINK}\n", 1).replace(
        "  nickname: String", '  nickname: String @policy(policies: [["names"]])'
    )


@pytest.fixture(scope="module")
def running() -> Iterator[AuctionHouse]:
    policies = Policies(hook=f"{__name__}:decide", seconds=5)
    protection = Protection(policies=policies, cost=30)
    with auction_house(
        edited=guarded, protection=protection, trace_url="http://traces.example/{trace_id}"
    ) as house:
        yield house


@pytest.fixture
def house(running: AuctionHouse) -> AuctionHouse:
    JUDGE.holds, JUDGE.seconds, JUDGE.asked = frozenset({"names"}), 0, 0
    return running


def codes(response: Mapping[str, Any]) -> list[str]:
    return [error["extensions"]["code"] for error in response.get("errors", ())]


# -------------------------------------------------------------------------- variables and cost


@ALL
async def test_variables_are_checked(house: AuctionHouse, transport: Transport) -> None:
    deep: Any = {"x": 1}
    for _ in range(40):
        deep = {"x": deep}
    query = "query($odd: String!) { watchers ... @defer { bids(odd: $odd) { number } } }"

    for value in (None, 7, deep):
        (refusal,) = await transport(house, query, {}, variables={"odd": value})
        assert codes(refusal) == ["BAD_USER_INPUT"]
    (accepted,) = await transport(house, query, {}, variables={"odd": "u2"})
    assert codes(accepted) == []


@ALL
async def test_a_costly_operation_is_refused_before_it_runs(
    house: AuctionHouse, transport: Transport
) -> None:
    dear = BIDS.replace("number", "number bidder { id } again: bidder { id } more: bidder { id }")

    (refusal,) = await transport(house, dear, {})

    assert codes(refusal) == ["COST_ESTIMATED_TOO_EXPENSIVE"]
    assert "data" not in refusal
    assert JUDGE.asked == 0


@STREAMS
async def test_a_costly_subscription_is_refused(transport: Transport) -> None:
    with auction_house(protection=Protection(cost=1)) as house:
        (refusal,) = await transport(house, EVENTS, {})

    assert codes(refusal) == ["COST_ESTIMATED_TOO_EXPENSIVE"]


# ---------------------------------------------------------------------- policies and visibility


@ALL
async def test_policies_decide_what_is_seen(house: AuctionHouse, transport: Transport) -> None:
    (allowed,) = await transport(house, PERSON, {})
    JUDGE.holds = frozenset()
    (filtered,) = await transport(house, PERSON, {})

    assert "ANN" in json.dumps(allowed)
    assert codes(allowed) == []
    assert filtered["data"] == {"watchers": 0, "person": {"nickname": None}}
    assert codes(filtered) == [SECRET]
    assert JUDGE.asked == 2


@STREAMS
async def test_policies_decide_what_events_hold(house: AuctionHouse, transport: Transport) -> None:
    JUDGE.holds = frozenset()

    events = await transport(house, EVENTS, {})

    assert [event["data"]["bids"]["bidder"] for event in events] == [{"nickname": None}] * 2
    assert [codes(event) for event in events] == [[SECRET]] * 2
    assert JUDGE.asked == 1


@ALL
async def test_deciding_policies_ends_with_the_request(
    house: AuctionHouse, transport: Transport
) -> None:
    JUDGE.seconds = 3
    began = time.monotonic()

    (late,) = await transport(house, PERSON, {"x-request-timeout-ms": "300"})

    assert time.monotonic() - began < 2, "the decision has no longer than the request"
    assert SECRET in codes(late)


@STREAMS
async def test_a_subscription_does_not_begin_after_its_deadline(
    house: AuctionHouse, transport: Transport
) -> None:
    JUDGE.seconds = 3
    began = time.monotonic()

    events = await transport(house, EVENTS, {"x-request-timeout-ms": "300"})

    assert time.monotonic() - began < 2
    assert [codes(event) for event in events] == [[SECRET]] * 2


# ------------------------------------------------------------------------------------- reporting


@ALL
async def test_every_answer_reports_cost_plan_and_trace(
    house: AuctionHouse, transport: Transport
) -> None:
    (plain,) = await transport(house, PERSON, {})
    (asked,) = await transport(house, PERSON, {"x-include-cost": "1", "x-include-plan": "1"})

    assert set(plain["extensions"]) == {"traceId", "traceUrl"}
    assert set(asked["extensions"]) == {"cost", "queryPlan", "traceId", "traceUrl"}
    assert asked["extensions"]["cost"] == {"estimated": 1, "limit": 30}
    assert "people" in asked["extensions"]["queryPlan"]
    trace = asked["extensions"]["traceId"]
    assert asked["extensions"]["traceUrl"] == f"http://traces.example/{trace}"


@STREAMS
async def test_every_event_reports_cost_plan_and_trace(
    house: AuctionHouse, transport: Transport
) -> None:
    events = await transport(house, EVENTS, {"x-include-cost": "1", "x-include-plan": "1"})

    assert [event["extensions"]["cost"]["estimated"] for event in events] == [2, 2]
    assert all("Subscribe" in event["extensions"]["queryPlan"] for event in events)
    assert len({event["extensions"]["traceId"] for event in events}) == 2


@ALL
async def test_production_reports_neither_cost_nor_plan(transport: Transport) -> None:
    with auction_house(production=True, protection=Protection(cost=30)) as house:
        headers = {"x-include-cost": "1", "x-include-plan": "1"}
        (answer,) = await transport(house, PERSON, headers)

    assert set(answer["extensions"]) == {"traceId"}


@ALL
async def test_every_answer_and_refusal_is_counted(transport: Transport) -> None:
    with auction_house(protection=Protection(cost=30)) as house:
        headers = {"x-client-name": "shop"}
        await transport(house, PERSON, headers)
        await transport(house, "{ nothing }", headers)
        await transport(house, "query($odd: String!) { bids(odd: $odd) { number } }", headers)
        numbers = (await asyncio.to_thread(requests.get, f"{house.url}/metrics", timeout=5)).text

    for line in (
        'gateway_requests_total{type="query",operation="",outcome="ok"} 1',
        'gateway_requests_total{type="query",operation="",outcome="error"} 1',
        'gateway_requests_total{type="refused",operation="",outcome="error"} 1',
        'gateway_errors_total{code="GRAPHQL_VALIDATION_FAILED"} 1',
        'gateway_client_requests_total{client="shop",outcome="ok"} 1',
        'gateway_client_requests_total{client="shop",outcome="error"} 2',
        "gateway_requests_in_flight 0",
    ):
        assert f"{line}\n" in numbers


# --------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_a_refusal_over_http_says_what_to_do(accept: str) -> None:
    with (
        an_issuer() as identity,
        auction_house(
            protection=Protection(authentication=checks(identity), rates=Rates(requests=1))
        ) as house,
    ):
        bad = await _post(house, PERSON, {"accept": accept, "authorization": "Bearer x"}, {})
        second = await _post(house, PERSON, {"accept": accept}, {})

    assert (bad.status_code, bad.headers["www-authenticate"]) == (401, "Bearer")
    assert second.status_code == 429
    assert int(second.headers["retry-after"]) > 0


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_a_client_is_admitted_before_its_body_is_read(accept: str) -> None:
    with an_issuer() as identity:
        authentication = checks(identity, mode="required")
        with auction_house(protection=Protection(authentication=authentication)) as house:
            address = f"{house.url}/graphql"
            answer = await asyncio.to_thread(
                requests.post, address, data="no JSON", headers={"accept": accept}, timeout=5
            )

    assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


@ALL
async def test_a_refused_document_holds_on_to_none_of_its_requests(
    house: AuctionHouse, transport: Transport
) -> None:
    for _ in range(3):
        (refusal,) = await transport(house, "{ unknownField }", {})
        assert codes(refusal) == ["GRAPHQL_VALIDATION_FAILED"]

    cached = house.state.rollout.base.cached("{ unknownField }", None)
    assert cached.__traceback__ is None, "raising it would add frames with each request"


@STREAMS
async def test_a_mutation_runs_once(house: AuctionHouse, transport: Transport) -> None:
    (answer,) = await transport(house, "mutation { bid(amount: 3) { number } }", {})

    assert answer["data"] == {"bid": {"number": 0}}
    assert not auction.WATCHERS
