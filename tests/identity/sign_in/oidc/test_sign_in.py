"""Signing in by a real OpenID Connect provider: there, back, tied, provisioned, or refused."""

from __future__ import annotations

import secrets
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.identity.conftest import PASSWORD
from tests.identity.sign_in.oidc.conftest import (
    FRONTEND,
    SECRET,
    Browser,
    World,
    signed,
    someone,
)

LINK = """
mutation($t: String!, $v: String!) {
  linkSignIn(ticket: $t, verifier: $v) { links { id provider } errors { code message } }
}
"""
UNLINK = "mutation($id: ID!) { unlinkSignIn(id: $id) { links { id } errors { code } } }"
VIEWER = "{ viewer { displayName roles { name } } }"


@pytest.fixture(autouse=True)
def as_at_first(world: World) -> None:
    world.set(admission="LINKED", domains=[], roles=[], usernameForm="ADDRESS", enabled=True)


def verified(world: World, id: str, email: str) -> None:
    world.account(id, email=email, email_verified=True)


def test_is_offered_to_whoever_is_not_signed_in(world: World) -> None:
    ways = world.house.nobody().data("{ signInWays { name title address } }")

    address = f"{world.house.settings.public_address}/sign-in/idp"
    assert ways == [{"name": "idp", "title": "Company", "address": address}]


def test_asks_with_state_nonce_and_challenge(browser: Browser) -> None:
    first, second = browser.begin(), browser.begin()

    asked = parse_qs(urlsplit(first.headers["location"]).query)
    again = parse_qs(urlsplit(second.headers["location"]).query)
    assert (asked["response_type"], asked["code_challenge_method"]) == (["code"], ["S256"])
    assert asked["scope"] == ["openid profile email"]
    for name in ("state", "nonce", "code_challenge"):
        assert len(asked[name][0]) >= 43
        assert asked[name] != again[name]
    assert "HttpOnly" in first.headers["set-cookie"]


def test_signs_nobody_in_who_is_not_tied(world: World, browser: Browser) -> None:
    verified(world, "stranger", "seller@corp.test")
    sessions = world.house.one("SELECT count(*) FROM session")
    links = world.house.one("SELECT count(*) FROM sign_in_link")

    refused = browser.sign_in("stranger")

    assert (refused["accessToken"], refused["errors"][0]["code"]) == (None, "FORBIDDEN")
    assert world.house.one("SELECT count(*) FROM session") == sessions
    assert world.house.one("SELECT count(*) FROM sign_in_link") == links


def test_signs_in_whoever_tied_their_account(world: World, browser: Browser) -> None:
    someone(world, "ties.self", password=PASSWORD)
    world.account("sub-of-ties", email="whoever@else.test")
    own = signed(world, world.house.nobody().sign_in("ties.self"))

    tied = own.data(LINK, t=browser.ticket("sub-of-ties"), v=browser.verifier)
    answer = Browser(world).sign_in("sub-of-ties")

    assert tied["errors"] == []
    assert [one["provider"] for one in tied["links"]] == ["idp"]
    assert signed(world, answer).data(VIEWER)["displayName"] == "Someone"


def test_ties_only_to_a_sign_in_of_the_last_minutes(world: World, browser: Browser) -> None:
    someone(world, "ties.late", password=PASSWORD)
    world.account("sub-of-late")
    session = world.house.nobody().sign_in("ties.late")
    world.house.one(
        "UPDATE session SET created_at = now() - interval '11 minutes' WHERE id = %(id)s "
        "RETURNING 1",
        id=session["sessionId"],
    )

    refused = signed(world, session).data(LINK, t=browser.ticket("sub-of-late"), v=browser.verifier)

    assert (refused["links"], refused["errors"][0]["code"]) == ([], "FORBIDDEN")


def test_ties_one_account_to_one_user(world: World, browser: Browser) -> None:
    for name in ("ties.first", "ties.second"):
        someone(world, name, password=PASSWORD)
    world.account("sub-of-one")
    first, second = (
        signed(world, world.house.nobody().sign_in(name)) for name in ("ties.first", "ties.second")
    )

    assert first.data(LINK, t=browser.ticket("sub-of-one"), v=browser.verifier)["errors"] == []
    again = Browser(world)
    refused = second.data(LINK, t=again.ticket("sub-of-one"), v=again.verifier)

    assert refused["errors"][0]["code"] == "CONFLICT"


def test_takes_a_ticket_once_and_from_its_frontend_only(world: World, browser: Browser) -> None:
    world.set(admission="EVERYBODY", domains=["corp.test"], roles=["sales"])
    verified(world, "once", "once@corp.test")
    ticket = browser.ticket("once")

    stolen = browser.finish(ticket, verifier=secrets.token_urlsafe(32))
    first = browser.finish(ticket)
    second = browser.finish(ticket)

    assert (stolen["accessToken"], stolen["errors"][0]["code"]) == (None, "UNAUTHENTICATED")
    assert first["errors"] == []
    assert (second["accessToken"], second["errors"][0]["code"]) == (None, "UNAUTHENTICATED")


def test_finishes_only_in_the_browser_that_began(world: World, browser: Browser) -> None:
    world.account("victim")
    begun = browser.begin()
    elsewhere = Browser(world).walk("victim", begun)

    assert elsewhere.status_code == 400
    assert "Signing in failed" in elsewhere.text


def test_refuses_in_chinese_and_for_programs_as_json(world: World, browser: Browser) -> None:
    url = f"{world.house.url}/sign-in/idp/callback?state=x&code=y"

    page = requests.get(url, headers={"accept-language": "zh"}, timeout=20)
    said = requests.get(url, headers={"accept": "application/json"}, timeout=20)
    nobody = requests.get(f"{world.house.url}/sign-in/other", timeout=20)

    assert "登录未完成" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert said.json()["errors"][0]["extensions"]["code"] == "BAD_INPUT"
    assert nobody.status_code == 404


def test_tells_that_the_provider_refused(browser: Browser) -> None:
    answer = browser.walk(None, browser.begin())

    assert answer.status_code == 403
    assert "access_denied" in answer.text
    assert f'href="{FRONTEND}/in?page=1"' in answer.text


@pytest.mark.parametrize(
    "return_to",
    ["http://evil.test/", "http://front.test@evil.test/", "//front.test/", "javascript:alert(1)"],
)
def test_sends_the_browser_to_known_frontends_only(browser: Browser, return_to: str) -> None:
    refused = browser.begin(returnTo=return_to)

    assert (refused.status_code, refused.headers.get("location")) == (400, None)


def test_needs_a_challenge(browser: Browser) -> None:
    assert browser.begin(challenge="short").status_code == 400


def test_finds_a_known_user_by_a_verified_address(world: World, browser: Browser) -> None:
    id = someone(world, "known@corp.test")
    world.set(admission="KNOWN", domains=["corp.test"])
    verified(world, "sub-known", "Known@Corp.test")

    answer = browser.sign_in("sub-known")
    verified(world, "sub-known", "moved@elsewhere.test")
    later = Browser(world).sign_in("sub-known")

    assert (answer["userId"], later["userId"]) == (id, id)


@pytest.mark.parametrize(
    ("sub", "email", "said"),
    [
        ("unverified", "taken@corp.test", False),
        ("as-text", "taken@corp.test", "true"),
        ("foreign", "taken@evil.test", True),
        ("below", "taken@sub.corp.test", True),
        ("tricky", "taken@corp.test@evil.test", True),
    ],
)
def test_finds_nobody_by_any_other_address(
    world: World, sub: str, email: str, said: object
) -> None:
    if world.house.one("SELECT 1 FROM user_account WHERE username = 'taken@corp.test'") is None:
        someone(world, "taken@corp.test")
    world.set(admission="EVERYBODY", domains=["corp.test"])
    world.account(sub, email=email, email_verified=said)
    people = world.house.one("SELECT count(*) FROM user_account")

    refused = Browser(world).sign_in(sub)

    assert (refused["accessToken"], refused["errors"][0]["code"]) == (None, "FORBIDDEN")
    assert world.house.one("SELECT count(*) FROM user_account") == people


def test_ties_nobody_by_address_who_may_change_the_policy(world: World, browser: Browser) -> None:
    someone(world, "boss@corp.test", "administrator")
    world.set(admission="KNOWN", domains=["corp.test"])
    verified(world, "sub-boss", "boss@corp.test")

    refused = browser.sign_in("sub-boss")

    assert refused["errors"][0]["code"] == "FORBIDDEN"
    assert "link the account yourself" in refused["errors"][0]["message"]


def test_does_not_tie_a_second_subject_to_the_same_address(world: World, browser: Browser) -> None:
    someone(world, "reused@corp.test")
    world.set(admission="KNOWN", domains=["corp.test"])
    verified(world, "first-holder", "reused@corp.test")
    verified(world, "next-holder", "reused@corp.test")

    first = browser.sign_in("first-holder")
    second = Browser(world).sign_in("next-holder")

    assert first["errors"] == []
    assert second["errors"][0]["code"] == "FORBIDDEN"


def test_makes_a_user_of_whoever_is_new(world: World, browser: Browser) -> None:
    place = world.house.department("Sales", "East")
    world.set(
        admission="EVERYBODY",
        domains=["corp.test"],
        usernameForm="LOCAL_PART",
        roles=["sales"],
        departmentId=place,
    )
    world.account("sub-new", email="new.one@corp.test", email_verified=True, name="新同事")

    answer = browser.sign_in("sub-new")
    world.house.follow()

    viewer = signed(world, answer).data(
        "{ viewer { displayName roles { name } department { name } } }"
    )
    assert viewer == {
        "displayName": "新同事",
        "roles": [{"name": "sales"}],
        "department": {"name": "East"},
    }
    name = world.house.one(
        "SELECT username FROM user_account WHERE id = %(id)s", id=answer["userId"]
    )
    assert name == "new.one"


def test_refuses_a_suspended_user(world: World, browser: Browser) -> None:
    id = someone(world, "gone@corp.test")
    world.set(admission="KNOWN", domains=["corp.test"])
    verified(world, "sub-gone", "gone@corp.test")
    assert browser.sign_in("sub-gone")["errors"] == []
    world.house.as_("admin").data(
        "mutation($id: ID!) { suspendUser(id: $id) { errors { code } } }", id=id
    )

    assert Browser(world).sign_in("sub-gone")["errors"][0]["code"] == "FORBIDDEN"


def test_unties_and_keeps_the_last_way_in(world: World, browser: Browser) -> None:
    someone(world, "unties@corp.test")
    world.set(admission="KNOWN", domains=["corp.test"])
    verified(world, "sub-unties", "unties@corp.test")
    answer = browser.sign_in("sub-unties")
    own = signed(world, answer)
    link = own.data("{ signInLinks { id } }")[0]["id"]

    mine = own.data(UNLINK, id=link)
    other = world.house.as_("seller").data(UNLINK, id=link)
    admin = world.house.as_("admin").data(UNLINK, id=link)

    assert mine["errors"][0]["code"] == "BAD_INPUT"
    assert other["errors"][0]["code"] == "NOT_FOUND"
    assert admin == {"links": [], "errors": []}
    ending = world.house.one("SELECT ending FROM session WHERE id = %(id)s", id=answer["sessionId"])
    assert ending == "provider_ended"


def test_keeps_secret_and_tokens_sealed(world: World, browser: Browser) -> None:
    world.set(admission="EVERYBODY", domains=["corp.test"])
    verified(world, "sub-sealed", "sealed@corp.test")
    browser.sign_in("sub-sealed")

    secret = bytes(world.house.one("SELECT sealed_secret FROM sign_in_provider"))
    tokens = bytes(world.house.one("SELECT sealed_tokens FROM provider_session LIMIT 1"))
    ledger = world.house.one("SELECT string_agg(body::text, '') FROM outbox")

    assert SECRET.encode() not in secret
    assert b"eyJ" not in tokens
    assert "sealed@corp.test" not in ledger
    assert SECRET not in ledger


def test_asks_for_the_second_factor_here(world: World, browser: Browser) -> None:
    import base64
    import time

    from cryptography.hazmat.primitives.hashes import SHA1
    from cryptography.hazmat.primitives.twofactor.totp import TOTP

    someone(world, "two@corp.test", password=PASSWORD)
    world.set(admission="KNOWN", domains=["corp.test"])
    verified(world, "sub-two", "two@corp.test")
    begin = (
        "mutation($u: String!, $p: String!) { beginSecondFactor(username: $u, password: $p) "
        "{ secret } }"
    )
    secret = world.house.nobody().data(begin, u="two@corp.test", p=PASSWORD)["secret"]
    totp = TOTP(base64.b32decode(secret), 6, SHA1(), 30)
    enrol = (
        "mutation($u: String!, $p: String!, $c: String) "
        "{ signIn(username: $u, password: $p, code: $c) { accessToken } }"
    )
    before = totp.generate(time.time() - 30).decode()
    world.house.nobody().data(enrol, u="two@corp.test", p=PASSWORD, c=before)

    ticket = browser.ticket("sub-two")
    asked = browser.finish(ticket)
    wrong = browser.finish(ticket, "000000")
    right = browser.finish(ticket, totp.generate(time.time()).decode())

    assert (asked["needs"], asked["accessToken"]) == ("CODE", None)
    assert (wrong["errors"][0]["code"], wrong["accessToken"]) == ("UNAUTHENTICATED", None)
    assert right["accessToken"] is not None
