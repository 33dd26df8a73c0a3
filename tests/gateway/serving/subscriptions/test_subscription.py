"""Subscriptions when things around them change:
sources that go away, slow clients, reloads, the end."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests
import uvicorn

from gateway.protection import Breaker, Protection
from gateway.settings import SubscriptionLimits
from tests.gateway.serving import auction
from tests.gateway.serving.subscribing import (
    PATIENCE,
    AuctionHouse,
    auction_house,
    composed,
    events,
    nobody_watches,
    subgraph_apps,
)
from tests.support.serve import served
from tests.support.servers import free_port

QUICK = SubscriptionLimits(reconnects=3, reconnect_seconds=0.1)
ENDLESS = "subscription { bids(count: 1000, pause: 0.05) { number bidder { name } } }"


@contextmanager
def at(port: int, name: str) -> Iterator[None]:
    """Serve one subgraph at a port that stays the same, and end it like a crash: at once."""
    config = uvicorn.Config(
        subgraph_apps()[name], host="127.0.0.1", port=port, log_config=None, lifespan="off"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + PATIENCE
    while not server.started and time.monotonic() < until:
        time.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = server.force_exit = True
        thread.join(PATIENCE)


@pytest.mark.parametrize("source", ["ws", "sse"])
async def test_finds_a_source_again_that_went_away(source: str) -> None:
    port = free_port()
    urls = {"auction": f"http://127.0.0.1:{port}"}
    with ExitStack() as stack:
        urls["people"] = stack.enter_context(served(subgraph_apps()["people"]))
        house = stack.enter_context(
            auction_house(
                source,
                supergraph=composed(urls),
                subscription_limits=QUICK,
                event_source_url=f"{urls['auction']}/sse",
            )
        )
        async with house.connected() as client:
            with at(port, "auction"):
                await client.subscribe(ENDLESS)
                first = await client.hear()
            assert first["payload"]["data"]["bids"]["number"] == 0
            with at(port, "auction"):
                numbers = [1]
                while numbers[-1] != 0:  # the source begins anew
                    message = await client.hear()
                    numbers.append(message["payload"]["data"]["bids"]["number"])
            while (message := await client.hear())["type"] == "next":
                pass
        assert message["type"] == "error"
        assert message["payload"][0]["extensions"]["code"] == "SUBGRAPH_UNAVAILABLE"
        assert message["payload"][0]["extensions"]["service"] == "auction"
        await nobody_watches(house)


async def test_a_slow_client_slows_its_source_and_is_left_in_the_end() -> None:
    limits = SubscriptionLimits(waiting=2, slow_seconds=1.5)
    with auction_house(subscription_limits=limits) as house:
        async with house.connected() as client:
            # Nobody reads on this side: the sockets between fill, then the line.
            client.connection.transport.pause_reading()
            await client.subscribe("subscription { flood(size: 200000) }")
            await asyncio.sleep(1)
            sent = len(auction.SENT)
            await asyncio.sleep(0.3)
            assert 0 < len(auction.SENT) <= sent + 2 < 500
            await nobody_watches(house)
            client.connection.transport.abort()


async def test_a_reload_ends_no_subscription_and_new_ones_use_the_new_graph(
    tmp_path: Path,
) -> None:
    file = tmp_path / "supergraph.graphql"
    with ExitStack() as stack:
        urls = {n: stack.enter_context(served(app)) for n, app in subgraph_apps().items()}
        file.write_text(composed(urls))
        house = stack.enter_context(auction_house(supergraph=file, reload_seconds=0.05))
        async with house.connected() as client:
            await client.subscribe(ENDLESS, id="old")
            assert (await client.hear())["payload"]["data"]["bids"]["number"] == 0
            file.write_text(composed(urls).replace("heard: String", "heardOf: String"))
            before = house.state.documents
            numbers = []
            while house.state.documents is before:
                numbers.append((await client.hear())["payload"]["data"]["bids"]["number"])
            await client.subscribe("subscription { bids { heard } }", id="new")
            while (message := await client.hear())["id"] == "old":
                numbers.append(message["payload"]["data"]["bids"]["number"])
            later = [await client.hear() for _ in range(3)]
            numbers += [each["payload"]["data"]["bids"]["number"] for each in later]

    assert message["type"] == "error"
    assert "heardOf" in message["payload"][0]["message"]
    assert numbers == list(range(1, len(numbers) + 1)), "an event was lost"


def test_a_gateway_that_ends_lets_its_clients_go(tmp_path: Path) -> None:
    with auction_house() as house:
        file = tmp_path / "supergraph.graphql"
        file.write_text(house.sdl)
        with running(file) as (process, url):
            other = AuctionHouse(url, None, "")
            stream = other.stream(ENDLESS)
            chunks = stream.iter_content(None)
            while b"event: next" not in next(chunks):
                pass
            code = asyncio.run(_close_code(other, process))
            rest = b"".join(chunks)

            assert code == 1012
            assert b"complete" not in rest, "the client would not come back"
            assert process.wait(PATIENCE) == 0


async def _close_code(house: AuctionHouse, process: subprocess.Popen[str]) -> int:
    async with house.connected() as client:
        await client.subscribe(ENDLESS)
        await client.hear()
        process.send_signal(signal.SIGTERM)
        return (await client.closed())[0]


@contextmanager
def running(file: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    port = free_port()
    command = [sys.executable, "-m", "gateway.app", "serve", "--supergraph", str(file)]
    process = subprocess.Popen([*command, "--port", str(port)], stderr=subprocess.PIPE, text=True)
    try:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


async def test_equal_subscriptions_listen_to_one_source_and_each_gets_every_event() -> None:
    protection = Protection(share_subscriptions=True)
    with auction_house(protection=protection) as house:
        async with (
            house.connected() as one,
            house.connected() as two,
            house.connected("x") as other,
        ):
            await one.subscribe(ENDLESS)
            first = await one.hear()
            await two.subscribe(ENDLESS)
            await two.hear()
            await other.subscribe(ENDLESS)
            await other.hear()
            assert len(auction.WATCHERS) == 2, "another token is another source"
            heard = [(await two.hear())["payload"]["data"]["bids"] for _ in range(3)]
            await one.say(type="complete", id="1")
            heard += [(await two.hear())["payload"]["data"]["bids"] for _ in range(3)]

        numbers = [bid["number"] for bid in heard]
        assert first["payload"]["data"]["bids"]["bidder"] == {"name": "Ann"}
        assert numbers == list(range(numbers[0], numbers[0] + 6)), "nothing lost when another left"
        await nobody_watches(house)


async def test_who_falls_behind_a_shared_source_is_left_and_nobody_else_waits() -> None:
    limits = SubscriptionLimits(waiting=2, slow_seconds=60)
    protection = Protection(share_subscriptions=True)
    flood = "subscription { flood(size: 200000) }"
    with auction_house(subscription_limits=limits, protection=protection) as house:
        async with house.connected() as quick, house.connected() as slow:
            await slow.subscribe(flood)
            slow.connection.transport.pause_reading()
            await quick.subscribe(flood)
            found = [await quick.hear() for _ in range(60)]
            assert {each["type"] for each in found} == {"next"}
            slow.connection.transport.abort()


async def test_a_source_that_keeps_failing_is_left_alone_for_a_while() -> None:
    urls = {"auction": "http://127.0.0.1:1", "people": "http://127.0.0.1:1"}
    protection = Protection(breaker=Breaker(requests=3, open_seconds=60))
    limits = SubscriptionLimits(reconnects=0)
    with auction_house(
        supergraph=composed(urls), subscription_limits=limits, protection=protection
    ) as house:
        async with house.connected() as client:
            for number in range(5):
                await client.subscribe(ENDLESS, id=str(number))
                (last,) = await client.all()
                assert last["payload"][0]["extensions"]["code"] == "SUBGRAPH_UNAVAILABLE"
        numbers = await asyncio.to_thread(_numbers, house)

    assert "too many of its last requests failed" in last["payload"][0]["message"]
    assert 'gateway_circuit_open{subgraph="auction subscriptions"} 1' in numbers


def _numbers(house: AuctionHouse) -> str:
    return requests.get(f"{house.url}/metrics", timeout=5).text


def test_tells_how_many_there_are() -> None:
    with auction_house() as house, house.stream(ENDLESS) as stream:
        chunks = stream.iter_content(None)  # held: a forgotten iterator closes the connection
        assert b'"number":0' in next(chunks)
        numbers = requests.get(f"{house.url}/metrics", timeout=5).text
        assert "gateway_subscriptions 1\n" in numbers


def test_a_source_that_cannot_be_reached_is_an_error(tmp_path: Path) -> None:
    urls = {"auction": "http://127.0.0.1:1", "people": "http://127.0.0.1:1"}
    limits = SubscriptionLimits(reconnects=0)
    with auction_house(supergraph=composed(urls), subscription_limits=limits) as house:
        (_, answer), end = events(house.stream(ENDLESS))

    assert answer["errors"][0]["extensions"] == {
        "code": "SUBGRAPH_UNAVAILABLE",
        "service": "auction",
    }
    assert end == ("complete", None)
    assert json.dumps(answer)
