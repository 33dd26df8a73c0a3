"""A second factor over HTTP: taken on, asked for, good once, lost and reset."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from identity.app import create
from identity.sign_in.domain.second_factor import STEP_SECONDS, matching_step
from tests.identity.conftest import PASSWORD, Client, House, settings_for
from tests.support.serve import served

BEGIN = """
mutation($u: String!, $p: String!) {
  beginSecondFactor(username: $u, password: $p) { secret address errors { code path } }
}
"""
SIGN_IN = """
mutation($u: String!, $p: String!, $c: String) {
  signIn(username: $u, password: $p, code: $c) {
    accessToken needs recoveryCodes errors { code path }
  }
}
"""
END = "mutation($c: String!) { endSecondFactor(code: $c) { done errors { code path } } }"
RESET = "mutation($u: ID!) { resetSecondFactor(userId: $u) { user { id } errors { code } } }"
MINE = "{ mySecondFactor { recoveryCodesLeft } }"
ADD = "mutation($i: CreateUserInput!) { createUser(input: $i) { user { id } errors { code } } }"
WRONG = [{"code": "UNAUTHENTICATED", "path": ["code"]}]


def someone(house: House, username: str, role: str = "sales") -> str:
    wanted = {"username": username, "displayName": "Someone", "roles": [role]}
    added = house.as_("admin").data(ADD, i=wanted | {"password": PASSWORD})
    house.follow()
    return str(added["user"]["id"])


def code(secret: str, later: int = 0) -> str:
    """The code of a step; each test moves forward, since a step is good once."""
    totp = TOTP(base64.b32decode(secret), 6, SHA1(), STEP_SECONDS)
    return totp.generate(time.time() + later * STEP_SECONDS).decode()


def sign_in(house: House, username: str, code: str | None = None) -> Any:
    return house.nobody().data(SIGN_IN, u=username, p=PASSWORD, c=code)


def enrolled(house: House, username: str) -> tuple[str, Any]:
    """The secret of somebody's new second factor, and the sign-in that put it in force."""
    begun = house.nobody().data(BEGIN, u=username, p=PASSWORD)
    assert begun["errors"] == []
    return begun["secret"], sign_in(house, username, code(begun["secret"], -1))


def test_is_in_force_from_its_first_code_on(house: House) -> None:
    someone(house, "two.factors")
    begun = house.nobody().data(BEGIN, u="two.factors", p=PASSWORD)

    without = sign_in(house, "two.factors")
    first = sign_in(house, "two.factors", code(begun["secret"], -1))
    asked = sign_in(house, "two.factors")
    second = sign_in(house, "two.factors", code(begun["secret"]))

    assert begun["address"].startswith("otpauth://totp/Huichi:two.factors?")
    assert without["accessToken"] is not None
    assert (first["accessToken"] is not None, len(set(first["recoveryCodes"]))) == (True, 10)
    assert (asked["accessToken"], asked["needs"], asked["errors"]) == (None, "CODE", [])
    assert (second["accessToken"] is not None, second["recoveryCodes"]) == (True, [])


def test_takes_a_code_once(house: House) -> None:
    someone(house, "once.only")
    secret, _ = enrolled(house, "once.only")
    now = code(secret)

    assert sign_in(house, "once.only", now)["accessToken"] is not None
    assert sign_in(house, "once.only", now)["errors"] == WRONG
    assert sign_in(house, "once.only", code(secret, -1))["errors"] == WRONG


def test_takes_a_recovery_code_once(house: House) -> None:
    someone(house, "lost.phone")
    _, first = enrolled(house, "lost.phone")
    recovery = first["recoveryCodes"][0]

    signed = sign_in(house, "lost.phone", recovery.lower())

    assert sign_in(house, "lost.phone", recovery)["errors"] == WRONG
    mine = Client(house.url, signed["accessToken"]).data(MINE)
    assert mine == {"recoveryCodesLeft": 9}


def test_keeps_secret_and_codes_so_that_a_copy_signs_nobody_in(house: House) -> None:
    id = someone(house, "sealed.factor")
    secret, first = enrolled(house, "sealed.factor")

    sealed = house.one("SELECT sealed FROM second_factor WHERE user_id = %(id)s", id=id)
    digests = house.one(
        "SELECT string_agg(digest, '') FROM recovery_code WHERE user_id = %(id)s", id=id
    )

    assert base64.b32decode(secret) not in bytes(sealed)
    assert first["recoveryCodes"][0].encode() not in bytes(digests)


def test_makes_one_who_guesses_codes_wait(house: House) -> None:
    someone(house, "guessed.code")
    secret, _ = enrolled(house, "guessed.code")

    with redis.Redis.from_url(house.settings.redis_url) as client:
        codes = []
        for _ in range(11):
            for key in client.scan_iter("identity:tries:*:127.0.0.1"):
                client.delete(key)  # from ever other addresses, only the count of codes is left
            refused = sign_in(house, "guessed.code", "000000")
            codes.append(refused["errors"][0]["code"])
        again = sign_in(house, "guessed.code", code(secret))
        for key in client.scan_iter("identity:tries:*"):
            client.delete(key)

    assert codes == ["UNAUTHENTICATED"] * 10 + ["RATE_LIMITED"]
    assert again["accessToken"] is None


def test_is_ended_by_a_code_and_by_nothing_else(house: House) -> None:
    someone(house, "ends.factor")
    secret, first = enrolled(house, "ends.factor")
    client = Client(house.url, first["accessToken"])

    wrong = client.data(END, c="000000")
    right = client.data(END, c=code(secret))

    assert wrong == {"done": False, "errors": [{"code": "BAD_INPUT", "path": ["code"]}]}
    assert right == {"done": True, "errors": []}
    assert sign_in(house, "ends.factor")["accessToken"] is not None


def test_is_reset_by_an_administrator_with_all_sessions(house: House) -> None:
    id = someone(house, "reset.factor")
    enrolled(house, "reset.factor")

    assert house.as_("seller").code(RESET, u=id) == "FORBIDDEN"
    reset = house.as_("admin").data(RESET, u=id)

    assert reset == {"user": {"id": id}, "errors": []}
    assert (
        house.one("SELECT count(*) FROM session WHERE user_id = %(id)s AND ended_at IS NULL", id=id)
        == 0
    )
    assert sign_in(house, "reset.factor")["accessToken"] is not None


def test_is_not_replaced_by_whoever_knows_the_password(house: House) -> None:
    someone(house, "not.replaced")
    secret, _ = enrolled(house, "not.replaced")

    again = house.nobody().data(BEGIN, u="not.replaced", p=PASSWORD)
    wrong = house.nobody().data(BEGIN, u="not.replaced", p="not the password")

    assert (again["secret"], again["errors"][0]["code"]) == (None, "BAD_INPUT")
    assert (wrong["secret"], wrong["errors"][0]["code"]) == (None, "UNAUTHENTICATED")
    assert sign_in(house, "not.replaced", code(secret))["accessToken"] is not None


@pytest.fixture(scope="module")
def strict(house: House) -> Iterator[str]:
    """A process of the same house that asks auditors for a second factor."""
    settings = settings_for(
        house.settings.database_url, house.settings.redis_url, second_factor_roles="auditor, sre"
    )
    with served(create(settings)) as url:
        time.sleep(1)  # its policy arrives
        yield url


def test_is_needed_where_a_role_asks_for_it(house: House, strict: str) -> None:
    someone(house, "must.enrol", "auditor")
    time.sleep(1)
    nobody = Client(strict)

    asked = nobody.data(SIGN_IN, u="must.enrol", p=PASSWORD, c=None)
    begun = nobody.data(BEGIN, u="must.enrol", p=PASSWORD)
    still = nobody.data(SIGN_IN, u="must.enrol", p=PASSWORD, c=None)
    signed = nobody.data(SIGN_IN, u="must.enrol", p=PASSWORD, c=code(begun["secret"], -1))
    ended = Client(strict, signed["accessToken"]).data(END, c=code(begun["secret"]))

    assert (asked["needs"], asked["accessToken"]) == ("ENROL", None)
    assert (still["needs"], still["accessToken"]) == ("ENROL", None)
    assert signed["accessToken"] is not None
    assert ended["errors"][0]["code"] == "FORBIDDEN"
    assert nobody.data(SIGN_IN, u="seller", p=PASSWORD, c=None)["needs"] is None


@pytest.mark.parametrize(
    ("moment", "expected"),
    [(59, "94287082"), (1111111109, "07081804"), (20000000000, "65353130")],
)
def test_agrees_with_the_vectors_of_rfc_6238(moment: int, expected: str) -> None:
    secret = b"12345678901234567890"

    assert matching_step(secret, expected[-6:], moment, 0) == moment // STEP_SECONDS
    assert matching_step(secret, expected[-6:], moment + 2 * STEP_SECONDS, 0) is None
    assert matching_step(secret, expected[-6:], moment, moment // STEP_SECONDS) is None
