"""Passkeys over HTTP, with a software authenticator that signs as a real one does."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from identity.app import create
from tests.identity.conftest import PASSWORD, Client, House, settings_for
from tests.identity.sign_in.api.test_second_factor import BEGIN as BEGIN_TOTP, RESET, code, someone
from tests.support.authenticator import Authenticator
from tests.support.serve import served

ORIGIN, DOMAIN = "https://pool.test", "pool.test"
BEGIN = """
mutation($u: String, $p: String) {
  beginPasskey(username: $u, password: $p) { options errors { code message path } }
}
"""
FINISH = """
mutation($c: String!, $n: String!) {
  finishPasskey(credential: $c, name: $n) {
    passkey { id name } recoveryCodes errors { code message path }
  }
}
"""
SIGN_IN = """
mutation($u: String!, $p: String!, $c: String, $k: String) {
  signIn(username: $u, password: $p, code: $c, passkey: $k) {
    accessToken sessionId needs passkeyOptions recoveryCodes errors { code path }
  }
}
"""
MINE = "{ myPasskeys { id name usedAt } }"
REMOVE = "mutation($id: ID!) { removePasskey(id: $id) { passkeys { id } errors { code } } }"
RENAME = """
mutation($id: ID!, $n: String!) {
  renamePasskey(id: $id, name: $n) { passkeys { name } errors { code } }
}
"""
REFUSED = [{"code": "UNAUTHENTICATED", "path": ["passkey"]}]


@pytest.fixture(scope="module")
def front(house: House) -> Iterator[str]:
    """A process of the house that knows its frontend; auditors need a second factor there."""
    settings = settings_for(
        house.settings.database_url,
        house.settings.redis_url,
        frontends=ORIGIN,
        second_factor_roles="auditor",
    )
    with served(create(settings)) as url:
        Client(url).sign_in("seller")  # its policy has arrived when it answers
        yield url


@pytest.fixture
def device() -> Authenticator:
    return Authenticator(ORIGIN, DOMAIN)


def sign_in(front: str, username: str, code: str | None = None, key: str | None = None) -> Any:
    return Client(front).data(SIGN_IN, u=username, p=PASSWORD, c=code, k=key)


def taken_on(front: str, username: str, device: Authenticator) -> Any:
    """The answer that a first passkey of somebody gets."""
    begun = Client(front).data(BEGIN, u=username, p=PASSWORD)
    assert begun["errors"] == []
    return Client(front).data(FINISH, c=device.create(begun["options"]), n="Telephone")


def signed_in(front: str, username: str, device: Authenticator) -> Client:
    asked = sign_in(front, username)
    return Client(
        front, sign_in(front, username, key=device.get(asked["passkeyOptions"]))["accessToken"]
    )


def test_is_taken_on_by_password_and_asked_for_from_then_on(
    house: House, front: str, device: Authenticator
) -> None:
    someone(house, "pass.key")
    made = taken_on(front, "pass.key", device)

    asked = sign_in(front, "pass.key")
    shown = sign_in(front, "pass.key", key=device.get(asked["passkeyOptions"]))

    assert (made["passkey"]["name"], len(set(made["recoveryCodes"]))) == ("Telephone", 10)
    assert (asked["needs"], asked["accessToken"]) == ("PASSKEY", None)
    assert json.loads(asked["passkeyOptions"])["rpId"] == DOMAIN
    assert shown["accessToken"] is not None
    assert Client(front, shown["accessToken"]).data(MINE)[0]["usedAt"] is not None


def test_takes_each_challenge_once(house: House, front: str, device: Authenticator) -> None:
    someone(house, "pass.once")
    taken_on(front, "pass.once", device)
    answer = device.get(sign_in(front, "pass.once")["passkeyOptions"])

    assert sign_in(front, "pass.once", key=answer)["accessToken"] is not None
    assert sign_in(front, "pass.once", key=answer)["errors"] == REFUSED


def test_refuses_another_page_another_domain_another_key(
    house: House, front: str, device: Authenticator
) -> None:
    someone(house, "pass.phish")
    taken_on(front, "pass.phish", device)
    others = [
        replace(device, origin="https://pool.test.evil"),
        replace(device, domain="evil.test"),
        Authenticator(ORIGIN, DOMAIN, id=device.id),
        Authenticator(ORIGIN, DOMAIN),
    ]

    refused = [
        sign_in(front, "pass.phish", key=other.get(sign_in(front, "pass.phish")["passkeyOptions"]))
        for other in others
    ]

    assert [one["errors"] for one in refused] == [REFUSED] * 4
    assert [one["accessToken"] for one in refused] == [None] * 4


def test_refuses_the_passkey_of_somebody_else(
    house: House, front: str, device: Authenticator
) -> None:
    other = Authenticator(ORIGIN, DOMAIN)
    for name, own in (("pass.mine", device), ("pass.other", other)):
        someone(house, name)
        taken_on(front, name, own)
    challenge = sign_in(front, "pass.other")["passkeyOptions"]

    assert sign_in(front, "pass.mine", key=other.get(challenge))["errors"] == REFUSED


def test_notices_a_copy_by_its_counter(house: House, front: str, device: Authenticator) -> None:
    id = someone(house, "pass.copied")
    taken_on(front, "pass.copied", device)
    copy = replace(device)
    signed_in(front, "pass.copied", device)
    signed_in(front, "pass.copied", device)

    refused = sign_in(
        front, "pass.copied", key=copy.get(sign_in(front, "pass.copied")["passkeyOptions"])
    )

    assert refused["errors"] == REFUSED
    told = (
        "SELECT count(*) FROM outbox "
        "WHERE body->>'action' = 'copied_passkey' AND body->>'resource' = %(id)s"
    )
    assert house.one(told, id=id) == 1


def test_takes_a_synchronised_passkey_that_does_not_count(house: House, front: str) -> None:
    someone(house, "pass.cloud")
    device = Authenticator(ORIGIN, DOMAIN, counts=False)
    taken_on(front, "pass.cloud", device)

    assert signed_in(front, "pass.cloud", device).token
    assert signed_in(front, "pass.cloud", device).token


def test_is_not_added_by_whoever_knows_the_password(
    house: House, front: str, device: Authenticator
) -> None:
    someone(house, "pass.guarded")
    waiting = Client(front).data(BEGIN, u="pass.guarded", p=PASSWORD)["options"]
    taken_on(front, "pass.guarded", device)
    thief = Authenticator(ORIGIN, DOMAIN)

    again = Client(front).data(BEGIN, u="pass.guarded", p=PASSWORD)
    late = Client(front).data(FINISH, c=thief.create(waiting), n="Mine now")
    totp = Client(front).data(BEGIN_TOTP, u="pass.guarded", p=PASSWORD)
    wrong = Client(front).data(BEGIN, u="pass.guarded", p="not the password")

    assert (again["options"], again["errors"][0]["code"]) == (None, "BAD_INPUT")
    assert (late["passkey"], late["errors"][0]["code"]) == (None, "BAD_INPUT")
    assert (totp["secret"], totp["errors"][0]["code"]) == (None, "BAD_INPUT")
    assert wrong["errors"][0]["code"] == "UNAUTHENTICATED"


def test_an_authenticator_that_waited_is_no_way_past_it(
    house: House, front: str, device: Authenticator
) -> None:
    someone(house, "pass.waited")
    secret = Client(front).data(BEGIN_TOTP, u="pass.waited", p=PASSWORD)["secret"]
    taken_on(front, "pass.waited", device)

    refused = sign_in(front, "pass.waited", code=code(secret))

    assert (refused["accessToken"], refused["errors"][0]["path"]) == (None, ["code"])


def test_a_recovery_code_stands_in_once(house: House, front: str, device: Authenticator) -> None:
    someone(house, "pass.lost")
    recovery = taken_on(front, "pass.lost", device)["recoveryCodes"][0]

    assert sign_in(front, "pass.lost", code=recovery)["accessToken"] is not None
    assert sign_in(front, "pass.lost", code=recovery)["accessToken"] is None


def test_a_second_one_is_added_named_and_removed_soon_after_signing_in(
    house: House, front: str, device: Authenticator
) -> None:
    someone(house, "pass.two")
    taken_on(front, "pass.two", device)
    mine, key = signed_in(front, "pass.two", device), Authenticator(ORIGIN, DOMAIN)

    begun = mine.data(BEGIN, u=None, p=None)
    added = mine.data(FINISH, c=key.create(begun["options"]), n="Key")
    renamed = mine.data(RENAME, id=added["passkey"]["id"], n="Blue key")
    removed = mine.data(REMOVE, id=added["passkey"]["id"])
    other = house.as_("seller").data(REMOVE, id=removed["passkeys"][0]["id"])
    excluded = json.loads(begun["options"])["excludeCredentials"]

    assert (added["errors"], added["recoveryCodes"], len(excluded)) == ([], [], 1)
    assert [one["name"] for one in renamed["passkeys"]] == ["Telephone", "Blue key"]
    assert (len(removed["passkeys"]), removed["errors"]) == (1, [])
    assert other["errors"] == [{"code": "NOT_FOUND"}]


def test_is_not_added_by_a_sign_in_of_long_ago(
    house: House, front: str, device: Authenticator
) -> None:
    someone(house, "pass.stale")
    signed = sign_in(front, "pass.stale")
    house.one(
        "UPDATE session SET created_at = now() - interval '11 minutes' WHERE id = %(id)s "
        "RETURNING 1",
        id=signed["sessionId"],
    )

    refused = Client(front, signed["accessToken"]).data(BEGIN, u=None, p=None)

    assert (refused["options"], refused["errors"][0]["code"]) == (None, "FORBIDDEN")


def test_serves_where_a_role_needs_a_second_factor(
    house: House, front: str, device: Authenticator
) -> None:
    someone(house, "pass.auditor", "auditor")
    until = time.monotonic() + 20
    while (asked := sign_in(front, "pass.auditor"))["needs"] is None:
        assert time.monotonic() < until, "the role did not arrive"
        time.sleep(0.1)

    taken_on(front, "pass.auditor", device)
    mine = signed_in(front, "pass.auditor", device)
    last = mine.data(REMOVE, id=mine.data(MINE)[0]["id"])

    assert asked["needs"] == "ENROL"
    assert (last["errors"][0]["code"], len(mine.data(MINE))) == ("FORBIDDEN", 1)


def test_is_reset_by_an_administrator(house: House, front: str, device: Authenticator) -> None:
    id = someone(house, "pass.reset")
    codes = taken_on(front, "pass.reset", device)["recoveryCodes"]

    reset = house.as_("admin").data(RESET, u=id)

    assert reset == {"user": {"id": id}, "errors": []}
    assert sign_in(front, "pass.reset")["accessToken"] is not None
    left = house.one("SELECT count(*) FROM recovery_code WHERE user_id = %(id)s", id=id)
    assert (len(codes), left) == (10, 0)


@pytest.mark.parametrize("said", ["", "{}", "null", "[]", "x" * 30_000, '{"id": "a"}'])
def test_says_what_is_wrong_with_an_answer(front: str, said: str) -> None:
    refused = Client(front).data(FINISH, c=said, n="Any")

    assert (refused["passkey"], refused["errors"][0]["path"]) == (None, ["credential"])


def test_needs_a_finger_or_a_pin_where_the_setting_says_so(house: House) -> None:
    settings = settings_for(
        house.settings.database_url,
        house.settings.redis_url,
        frontends=ORIGIN,
        passkey_user_verification="required",
    )
    someone(house, "pass.verify")
    lazy = Authenticator(ORIGIN, DOMAIN, verifies=False)
    with served(create(settings)) as url:
        refused = taken_on(url, "pass.verify", lazy)
        taken = taken_on(url, "pass.verify", Authenticator(ORIGIN, DOMAIN))

    assert (refused["passkey"], refused["errors"][0]["code"]) == (None, "BAD_INPUT")
    assert taken["errors"] == []


def test_needs_a_frontend(house: House) -> None:
    refused = house.nobody().data(BEGIN, u="seller", p=PASSWORD)

    assert "HUICHI_IDENTITY_FRONTENDS" in refused["errors"][0]["message"]
