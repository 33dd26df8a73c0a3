"""How carefully subgraphs are asked: circuits, the time that is left, equal queries shared."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from gateway.errors import SubgraphUnavailable
from gateway.protection import Breaker, Protection
from gateway.serving.protection.circuit_breaker import CircuitBreaker
from gateway.settings import SubgraphLimits
from tests.gateway.serving.conftest import SUBGRAPH_SECONDS, House, Running, Start
from tests.support.waiting import stretched

NAMES = "{products{owner{name}}}"


def codes(gateway: Running, query: str = NAMES, **headers: str) -> list[str]:
    answer = gateway.post({"query": query}, **headers).json()
    return [error["extensions"]["code"] for error in answer.get("errors", ())]


# -------------------------------------------------------------------------------------- circuits


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def a_circuit(**changes: Any) -> tuple[CircuitBreaker, Clock, list[str]]:
    clock, told = Clock(), list[str]()
    rule = Breaker(**{"requests": 4, "open_seconds": 5.0, "window_seconds": 10.0, **changes})
    return CircuitBreaker("a", rule, lambda _, state: told.append(state), clock), clock, told


def tries(circuit: CircuitBreaker, *, failed: bool, times: int = 1) -> None:
    for _ in range(times):
        circuit.leave(failed=failed, probe=circuit.enter())


def test_opens_after_enough_failures_and_closes_after_a_good_probe() -> None:
    circuit, clock, told = a_circuit()
    tries(circuit, failed=False, times=2)
    tries(circuit, failed=True, times=2)
    with pytest.raises(SubgraphUnavailable):
        circuit.enter()
    clock.now += 5

    assert circuit.enter()
    with pytest.raises(SubgraphUnavailable):
        circuit.enter()  # one probe at a time
    circuit.leave(failed=False, probe=True)

    assert told == ["open", "probing", "closed"]
    assert not circuit.enter()


def test_a_bad_probe_opens_it_again_and_a_lost_one_is_repeated() -> None:
    circuit, clock, told = a_circuit()
    tries(circuit, failed=True, times=4)
    clock.now += 5
    tries(circuit, failed=True)
    with pytest.raises(SubgraphUnavailable):
        circuit.enter()
    clock.now += 5
    assert circuit.enter()
    circuit.abandon(probe=True)

    assert circuit.enter()
    assert told == ["open", "probing", "open", "probing", "probing"]


def test_a_few_failures_or_old_ones_say_nothing() -> None:
    circuit, clock, told = a_circuit()
    for _ in range(5):
        tries(circuit, failed=True, times=3)
        clock.now += 11
    tries(circuit, failed=False, times=9)
    tries(circuit, failed=True, times=2)

    assert told == []


@pytest.mark.parametrize("mood", ["broken", "slow"])
def test_a_subgraph_that_fails_is_left_alone_until_it_is_well(
    start: Start, house: House, mood: str
) -> None:
    rule = Breaker(requests=3, open_seconds=1.5)
    seconds = 0.3 if mood == "slow" else SUBGRAPH_SECONDS
    limits = SubgraphLimits(seconds=seconds, retries=0)
    with start(protection=Protection(breaker=rule), subgraph_limits=limits) as gateway:
        house.accounts.mood = mood
        for _ in range(3):
            codes(gateway)
        asked = house.accounts.requests
        started = time.monotonic()
        assert codes(gateway) == ["SUBGRAPH_UNAVAILABLE"]
        assert time.monotonic() - started < stretched(0.2)
        assert house.accounts.requests == asked
        assert 'gateway_circuit_open{subgraph="accounts"} 1' in gateway.get("/metrics").text
        assert gateway.ask("{products(first:1){upc}}") == {"data": {"products": [{"upc": "p1"}]}}

        house.accounts.mood = "well"
        time.sleep(1.6)
        assert codes(gateway) == []
        assert codes(gateway) == []
        numbers = gateway.get("/metrics").text

    assert 'gateway_circuit_open{subgraph="accounts"} 0' in numbers
    assert 'gateway_circuit_refusals_total{subgraph="accounts"} 1' in numbers


@pytest.mark.parametrize("mood", ["refusing", "html", "wrong"])
def test_errors_in_answers_open_no_circuit(start: Start, house: House, mood: str) -> None:
    with start(protection=Protection(breaker=Breaker(requests=2))) as gateway:
        house.accounts.mood = mood
        for _ in range(6):
            codes(gateway)

    assert house.accounts.requests == 6


# -------------------------------------------------------------------------------------- the time


def test_tells_subgraphs_how_much_time_is_left(start: Start, house: House) -> None:
    with start() as gateway:
        codes(gateway)
        codes(gateway, x_request_timeout_ms="9000")
        codes(gateway, x_request_timeout_ms="junk")

    usual, short, junk = (int(heard["x-request-timeout-ms"]) for heard in house.products.heard)
    assert (usual, junk) == (SUBGRAPH_SECONDS * 1000,) * 2
    assert 0 < short <= 9000
    later = [int(heard["x-request-timeout-ms"]) for heard in house.accounts.heard]
    assert later[1] <= short


def test_a_caller_in_a_hurry_is_answered_in_time_and_harms_nobody(
    start: Start, house: House
) -> None:
    with start(protection=Protection(breaker=Breaker(requests=2))) as gateway:
        house.accounts.mood = "slow"
        started = time.monotonic()
        for _ in range(4):
            assert codes(gateway, x_request_timeout_ms="100") == ["SUBGRAPH_TIMEOUT"]
        assert time.monotonic() - started < stretched(2)

        house.accounts.mood = "well"
        assert codes(gateway) == []


# --------------------------------------------------------------------------------------- sharing


def at_once(gateway: Running, count: int, query: str, token: str | None = None) -> list[Any]:
    answers: list[Any] = [None] * count

    def ask(number: int) -> None:
        headers = {"authorization": token or f"u{number}"}
        answers[number] = gateway.post({"query": query}, **headers).json().get("data")

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_equal_queries_under_way_travel_once(start: Start, house: House) -> None:
    limits = SubgraphLimits(seconds=SUBGRAPH_SECONDS, retries=0)
    with start(protection=Protection(share_queries=True), subgraph_limits=limits) as gateway:
        house.accounts.mood = "slow"
        shared = at_once(gateway, 5, '{user(id:"u1"){id name}}', "u1")
        once = house.accounts.requests
        apart = at_once(gateway, 3, '{user(id:"u1"){id name}}')

    assert shared == [{"user": {"id": "u1", "name": "Ann"}}] * 5
    assert once == 1
    assert apart == shared[:3]
    assert house.accounts.requests == once + 3


def test_mutations_are_never_shared(start: Start, house: House) -> None:
    limits = SubgraphLimits(seconds=SUBGRAPH_SECONDS, retries=0)
    with start(protection=Protection(share_queries=True), subgraph_limits=limits) as gateway:
        house.accounts.mood = "slow"
        at_once(gateway, 3, 'mutation{signIn(username:"a",password:"b"){accessToken}}', "x")

    assert house.accounts.requests == 3


def test_counts_by_client(start: Start, house: House) -> None:
    with start() as gateway:
        gateway.post({"query": "{__typename}"}, x_client_name="till")
        gateway.post({"query": "{nothing}"}, x_client_name="till")
        for number in range(250):
            gateway.post({"query": "{__typename}"}, x_client_name=f"c{number}")
        numbers = gateway.get("/metrics").text

    assert 'gateway_client_requests_total{client="till",outcome="ok"} 1' in numbers
    assert 'gateway_client_requests_total{client="till",outcome="error"} 1' in numbers
    assert 'client="other"' in numbers
    assert numbers.count("gateway_client_requests_total{") < 250
