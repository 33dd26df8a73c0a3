"""Everybody is signed out at once; and keys rotate while people work, without anybody noticing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
import requests
from joserfc.jws import extract_compact

from identity.app import create
from identity.core.domain.seal import Seal
from identity.sign_in.commands import signing_key
from tests.identity.conftest import Client, House
from tests.identity.sign_in.api.test_session import REFRESH
from tests.support.serve import served

END_ALL = """
mutation($d: Boolean!) {
  endAllSessions(dryRun: $d) { done sessions users errors { code } }
}
"""
WHO = "{ viewer { id } }"
PATIENCE = 30


@pytest.fixture
def other(house: House) -> Iterator[str]:
    """A second process of the same house."""
    with served(create(house.settings)) as url:
        until(lambda: "errors" not in Client(url, house.as_("admin").token).ask(WHO))
        yield url


def until(true: Callable[[], bool]) -> None:
    started = time.monotonic()
    while not true():
        assert time.monotonic() - started < PATIENCE
        time.sleep(0.02)


def refused(url: str, token: str) -> bool:
    body = Client(url, token).ask(WHO)
    return [error["extensions"]["code"] for error in body.get("errors", [])] == ["UNAUTHENTICATED"]


def key_of(token: str) -> str:
    return str(extract_compact(token.encode()).headers()["kid"])


def test_keys_rotate_under_load_without_a_refusal(house: House, other: str) -> None:
    tokens = {"now": house.nobody().sign_in("lead")["accessToken"]}
    stop, problems, asked = threading.Event(), list[object](), [0]

    def work(url: str) -> None:
        with requests.Session() as session:
            while not stop.is_set():
                answer = session.post(
                    f"{url}/graphql",
                    json={"query": WHO},
                    headers={"authorization": f"Bearer {tokens['now']}"},
                    timeout=20,
                ).json()
                asked[0] += 1
                if "errors" in answer:
                    problems.append(answer["errors"])

    def sign_in() -> None:
        while not stop.is_set():
            signed = house.nobody().sign_in("lead")
            if signed["errors"]:
                problems.append(signed["errors"])
            else:
                tokens["now"] = signed["accessToken"]

    threads = [threading.Thread(target=work, args=(url,)) for url in (house.url, other)]
    threads.append(threading.Thread(target=sign_in))
    for thread in threads:
        thread.start()
    try:
        seal = Seal(house.settings.secret)
        fresh = house.db.write(signing_key.rotate, seal, signing_key.PUBLISHED_AHEAD)
        until(lambda: key_of(tokens["now"]) == fresh)
        seen = asked[0]
        until(lambda: asked[0] > seen + 50)
    finally:
        stop.set()
        for thread in threads:
            thread.join()

    assert problems == []


def test_a_dry_run_ends_nothing_and_is_for_administrators(house: House) -> None:
    house.as_("lead")

    counted = house.as_("admin").data(END_ALL, d=True)

    assert (counted["done"], counted["errors"]) == (False, [])
    assert counted["users"] >= 2
    assert not refused(house.url, str(house.as_("lead").token))
    assert house.as_("lead").code(END_ALL, d=False) == "FORBIDDEN"


def test_signs_everybody_out_in_every_process(house: House, other: str) -> None:
    signed = [house.nobody().sign_in(name) for name in ("lead", "seller", "auditor", "admin")]
    published = f"{house.url}/.well-known/jwks.json"
    before = {key["kid"] for key in requests.get(published, timeout=5).json()["keys"]}

    done = Client(house.url, signed[-1]["accessToken"]).data(END_ALL, d=False)

    assert (done["done"], done["errors"]) == (True, [])
    assert done["sessions"] >= 4
    for url in (house.url, other):
        for one in signed:
            until(lambda: refused(url, one["accessToken"]))  # noqa: B023 — now
    assert house.nobody().data(REFRESH, t=signed[0]["refreshToken"])["accessToken"] is None
    # Whoever signs in again works at once, everywhere, with a key that nobody had before.
    again = house.nobody().sign_in("lead")["accessToken"]
    assert key_of(again) not in before
    assert not refused(house.url, again)
    assert not refused(other, again)
    after = {key["kid"] for key in requests.get(published, timeout=5).json()["keys"]}
    assert after.isdisjoint(before)
