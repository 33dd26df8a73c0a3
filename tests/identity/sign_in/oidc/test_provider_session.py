"""Sessions that a real provider began: they end with it, at once where it says so itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.identity.conftest import Client
from tests.identity.sign_in.api.test_session import REFRESH
from tests.identity.sign_in.oidc.conftest import UPDATE, Browser, World, signed

SIGN_OUT = "mutation { signOut { done providerAddress errors { code } } }"
PATIENCE = 20


@pytest.fixture(autouse=True)
def as_at_first(world: World) -> None:
    world.set(
        admission="EVERYBODY", domains=["corp.test"], roles=["sales"], scopes=["profile", "email"]
    )


def come(world: World, browser: Browser, id: str) -> Any:
    """Somebody new who signed in."""
    world.account(id, email=f"{id}@corp.test", email_verified=True)
    answer = browser.sign_in(id)
    assert answer["errors"] == []
    return answer


def soon(question: Callable[[], bool]) -> bool:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if question():
            return True
        time.sleep(0.05)
    return False


def ending(world: World, answer: Any) -> str | None:
    found: str | None = world.house.one(
        "SELECT ending FROM session WHERE id = %(id)s", id=answer["sessionId"]
    )
    return found


def refused(client: Client) -> bool:
    body = client.ask("{ viewer { displayName } }")
    return bool(body.get("errors")) and body["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


def refresh(world: World, answer: Any) -> Any:
    return world.house.nobody().data(REFRESH, t=answer["refreshToken"])


def test_signing_out_there_ends_the_session_here(world: World, browser: Browser) -> None:
    first, other = come(world, browser, "leaves"), come(world, Browser(world), "stays")
    address = signed(world, Browser(world).sign_in("leaves")).data(SIGN_OUT)["providerAddress"]
    second = browser.finish(browser.ticket("leaves"))

    back = browser.sign_out_there(address.partition("?")[0])

    assert back
    assert soon(lambda: ending(world, first) == "provider_ended")
    assert soon(lambda: refused(signed(world, first)))
    assert refused(signed(world, second))
    assert refresh(world, first)["errors"][0]["code"] == "UNAUTHENTICATED"
    assert ending(world, other) is None


def test_signing_out_here_leads_there_and_back(world: World, browser: Browser) -> None:
    answer = come(world, browser, "goes")

    out = signed(world, answer).data(SIGN_OUT)
    back = browser.sign_out_there(out["providerAddress"])
    page = requests.get(back, timeout=20)

    assert "id_token_hint=ey" in out["providerAddress"]
    assert back == f"{world.house.settings.public_address}/sign-in/idp/signed-out"
    assert (page.status_code, "You are signed out" in page.text) == (200, True)
    # The provider has forgotten the browser too: it asks who it is.
    assert browser.walk(None, browser.begin()).status_code == 403


def test_goes_on_while_the_provider_says_so_and_no_longer(world: World, browser: Browser) -> None:
    world.set(scopes=["profile", "email", "offline_access"])
    answer = come(world, browser, "renewed")
    world.house.one(
        "UPDATE provider_session SET asked_at = now() - interval '1 hour', "
        "answered_at = now() - interval '1 hour' WHERE session_id = %(id)s RETURNING 1",
        id=answer["sessionId"],
    )

    renewed = refresh(world, answer)
    asked = world.house.one(
        "SELECT answered_at > now() - interval '5 minutes' FROM provider_session "
        "WHERE session_id = %(id)s",
        id=answer["sessionId"],
    )
    world.revoke("renewed")
    time.sleep(1.1)  # it is asked once a second at most
    gone = refresh(world, renewed)

    assert (renewed["errors"], asked) == ([], True)
    assert (gone["accessToken"], gone["errors"][0]["code"]) == (None, "UNAUTHENTICATED")
    assert ending(world, answer) == "provider_ended"


def test_outlives_a_provider_that_is_away_for_a_while(world: World, browser: Browser) -> None:
    world.set(scopes=["profile", "email", "offline_access"])
    answer = come(world, browser, "patient")
    world.process.close()
    try:
        time.sleep(1.1)
        meanwhile = refresh(world, answer)
        world.house.one(
            "UPDATE provider_session SET answered_at = now() - interval '61 minutes', "
            "asked_at = now() - interval '61 minutes' WHERE session_id = %(id)s RETURNING 1",
            id=answer["sessionId"],
        )
        later = refresh(world, meanwhile)
    finally:
        world.start("first")

    assert meanwhile["errors"] == []
    assert (later["accessToken"], ending(world, answer)) == (None, "provider_ended")


def test_follows_the_provider_to_a_new_key(world: World, browser: Browser) -> None:
    come(world, browser, "old.key")

    world.start("second")
    answer = come(world, Browser(world), "new.key")

    assert answer["accessToken"] is not None


def test_switching_a_provider_off_ends_what_it_began(world: World, browser: Browser) -> None:
    answer = come(world, browser, "switched")
    world.set(enabled=False)
    try:
        begun = browser.begin()
        ways = world.house.nobody().data("{ signInWays { name } }")
    finally:
        world.set(enabled=True)

    assert (begun.status_code, ways) == (404, [])
    assert ending(world, answer) == "provider_ended"


@pytest.mark.parametrize("token", ["", "x", "eyJhbGciOiJub25lIn0.e30."])
def test_refuses_a_logout_that_the_provider_did_not_sign(world: World, token: str) -> None:
    answer = requests.post(
        f"{world.house.url}/sign-in/idp/backchannel-logout",
        data={"logout_token": token},
        timeout=20,
    )

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert answer.headers["cache-control"] == "no-store"


def test_is_set_up_by_administrators_only(world: World) -> None:
    seller = world.house.as_("seller")

    assert seller.code(UPDATE, id=world.id, i={"title": "Mine"}) == "FORBIDDEN"
    assert seller.code("{ signInProviders { id } }") == "FORBIDDEN"


@pytest.mark.parametrize(
    ("input", "field"),
    [
        ({"issuer": "ftp://x.test"}, "issuer"),
        ({"issuer": "https://user@x.test"}, "issuer"),
        ({"admission": "KNOWN", "domains": []}, "domains"),
        ({"domains": ["not a domain"]}, "domains"),
        ({"domains": ["a.test", "b.test"], "usernameForm": "LOCAL_PART"}, "domains"),
        ({"roles": ["no_such_role"]}, "roles"),
        ({"scopes": ["two words"]}, "scopes"),
        ({"claims": {"email": ""}}, "claims"),
    ],
)
def test_says_which_input_is_wrong(world: World, input: Any, field: str) -> None:
    answer = world.house.as_("admin").data(UPDATE, id=world.id, i=input)

    assert answer["provider"] is None
    assert (answer["errors"][0]["code"], answer["errors"][0]["path"]) == ("BAD_INPUT", [field])
