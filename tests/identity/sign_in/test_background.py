"""A token is refused by every process as soon as its session is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from identity.app import create
from tests.identity.conftest import PASSWORD, Client, House
from tests.support.serve import served
from tests.support.waiting import PATIENCE, stretched

WHO = "{ viewer { id } }"
END = "mutation($id: ID!) { endSession(id: $id) { errors { code } } }"
SIGN_OUT = "mutation { signOut { done } }"
SUSPEND = "mutation($id: ID!) { suspendUser(id: $id) { errors { code } } }"
ADD = "mutation($i: CreateUserInput!) { createUser(input: $i) { user { id } errors { code } } }"


@pytest.fixture(scope="module")
def other(house: House) -> Iterator[str]:
    """A second process of the same house."""
    with served(create(house.settings)) as url:
        client = Client(url, house.as_("admin").token)
        _until(lambda: "errors" not in client.ask(WHO))
        yield url


def _until(true: Callable[[], bool], seconds: float = PATIENCE) -> float:
    started = time.monotonic()
    while not true():
        assert time.monotonic() - started < seconds
        time.sleep(0.005)
    return time.monotonic() - started


def _refused(url: str, token: str) -> bool:
    body = Client(url, token).ask(WHO)
    codes = [error["extensions"]["code"] for error in body.get("errors", [])]
    assert codes in ([], ["UNAUTHENTICATED"])
    return bool(codes)


def _someone(house: House, username: str) -> Any:
    wanted = {"username": username, "displayName": "Someone", "roles": ["sales"]}
    added = house.as_("admin").data(ADD, i=wanted | {"password": PASSWORD})
    house.follow()
    return added["user"]["id"]


def test_refuses_a_token_in_every_process_within_a_second(house: House, other: str) -> None:
    waits = []
    for _ in range(8):
        signed = house.nobody().sign_in("lead")
        assert not _refused(other, signed["accessToken"])

        house.as_("admin").data(END, id=signed["sessionId"])

        waits.append(_until(lambda: _refused(other, signed["accessToken"])))  # noqa: B023 — now
        _until(lambda: _refused(house.url, signed["accessToken"]))  # noqa: B023 — now
    print(f"refused after {sorted(round(wait * 1000) for wait in waits)} ms")
    assert max(waits) < stretched(1)


def test_refuses_the_tokens_of_somebody_who_is_suspended(house: House, other: str) -> None:
    id = _someone(house, "ends.suspended")
    token = house.nobody().sign_in("ends.suspended")["accessToken"]

    house.as_("admin").data(SUSPEND, id=id)

    assert _until(lambda: _refused(other, token)) < 1


def test_leaves_other_sessions_of_the_same_person_alone(house: House) -> None:
    first = house.nobody().sign_in("auditor")["accessToken"]
    second = house.nobody().sign_in("auditor")["accessToken"]

    Client(house.url, first).data(SIGN_OUT)

    _until(lambda: _refused(house.url, first))
    assert not _refused(house.url, second)


def test_stays_ended_when_valkey_is_emptied(house: House, other: str) -> None:
    token = house.nobody().sign_in("lead")["accessToken"]
    Client(house.url, token).data(SIGN_OUT)
    _until(lambda: _refused(other, token))

    with redis.Redis.from_url(house.settings.redis_url) as client:
        client.delete("sessions:ended", "sessions:mark")

    assert all(_refused(other, token) for _ in range(20))
    with redis.Redis.from_url(house.settings.redis_url) as client:
        _until(lambda: client.get("sessions:mark") is not None)
