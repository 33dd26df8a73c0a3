"""Passwords over HTTP: what is refused and why, the first one, a forgotten one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from identity.app import create
from tests.identity.conftest import PASSWORD, Client, House, settings_for
from tests.support.serve import served

ADD = """
mutation($i: CreateUserInput!) {
  createUser(input: $i) { user { id } errors { code message path } } }
"""
SET = """
mutation($id: ID!, $p: String!, $m: Boolean) {
  setPassword(id: $id, password: $p, mustChange: $m) { user { id } errors { code path } }
}
"""
CHANGE = """
mutation($c: String!, $n: String!) {
  changePassword(currentPassword: $c, newPassword: $n) { done errors { code message path } }
}
"""
SIGN_IN = """
mutation($u: String!, $p: String!, $n: String) {
  signIn(username: $u, password: $p, newPassword: $n) {
    accessToken sessionId needs errors { code message path }
  }
}
"""
ISSUE = "mutation($u: ID!) { issueResetCode(userId: $u) { code expiresAt errors { code path } } }"
RESET = """
mutation($u: String!, $c: String!, $n: String!) {
  resetPassword(username: $u, code: $c, newPassword: $n) { done errors { code message path } }
}
"""
NEW = "seven quiet lanterns"
NOT_GOOD = [
    {
        "code": "BAD_INPUT",
        "message": "The user name or the code is wrong, or the code was used or has expired.",
        "path": ["code"],
    }
]


@pytest.fixture(scope="module")
def careful(house: House) -> Iterator[str]:
    """A process of the house as it is by default, in a company that has a name."""
    settings = settings_for(
        house.settings.database_url,
        house.settings.redis_url,
        temporary_passwords=True,
        password_words="Acme Pumps, 海州泵业",
    )
    with served(create(settings)) as url:
        yield url


def someone(house: House, username: str, name: str = "Someone", **more: Any) -> str:
    wanted = {"username": username, "displayName": name, "roles": ["sales"], "password": PASSWORD}
    added = house.as_("admin").data(ADD, i=wanted | more)
    assert added["errors"] == []
    house.follow()
    return str(added["user"]["id"])


def sign_in(url: str, username: str, password: str = PASSWORD, new: str | None = None) -> Any:
    return Client(url).data(SIGN_IN, u=username, p=password, n=new)


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("1q2w3e4r5t", "leaked often"),
        ("Acme2026!!", "company name"),
        ("海州泵业2026!!!", "company name"),
        ("wang.fang.55", "user name"),
        ("王芳王芳王芳2026", "a personal name"),
        ("asdfghjkl;'", "row of adjacent keys"),
        ("abababababab", "repeated or consecutive"),
        ("1990-01-01 1990", "a date"),
    ],
)
def test_says_why_a_password_is_refused(
    house: House, careful: str, password: str, said: str
) -> None:
    people = house.one("SELECT count(*) FROM user_account")
    admin = Client(careful, house.as_("admin").token)
    wanted = {"username": "wang.fang", "displayName": "王芳", "password": password}

    refused = admin.data(ADD, i=wanted)
    chinese = Client(careful, house.as_("admin").token, "zh").data(ADD, i=wanted)

    assert (refused["user"], refused["errors"][0]["path"]) == (None, ["password"])
    assert said in refused["errors"][0]["message"]
    assert "太容易被猜到" in chinese["errors"][0]["message"]
    assert password not in refused["errors"][0]["message"]
    assert house.one("SELECT count(*) FROM user_account") == people


def test_refuses_a_leaked_password_wherever_one_is_set(house: House) -> None:
    id = someone(house, "set.leaked")
    mine = Client(house.url, house.nobody().sign_in("set.leaked")["accessToken"])
    code = house.as_("admin").data(ISSUE, u=id)["code"]

    answers = [
        house.as_("admin").data(SET, id=id, p="Password123!", m=None),
        mine.data(CHANGE, c=PASSWORD, n="Password123!"),
        house.nobody().data(RESET, u="set.leaked", c=code, n="Password123!"),
    ]

    assert [one["errors"][0]["code"] for one in answers] == ["BAD_INPUT"] * 3
    assert house.nobody().sign_in("set.leaked")["errors"] == []


def test_a_password_that_somebody_else_set_is_changed_first(house: House, careful: str) -> None:
    admin = Client(careful, house.as_("admin").token)
    wanted = {"username": "first.day", "displayName": "First", "password": PASSWORD}
    id = admin.data(ADD, i=wanted)["user"]["id"]

    asked = sign_in(careful, "first.day")
    same = sign_in(careful, "first.day", new=PASSWORD)
    weak = sign_in(careful, "first.day", new="Password123!")
    done = sign_in(careful, "first.day", new=NEW)

    assert (asked["accessToken"], asked["needs"], asked["errors"]) == (None, "NEW_PASSWORD", [])
    for refused in (same, weak):
        assert (refused["accessToken"], refused["errors"][0]["path"]) == (None, ["newPassword"])
    assert done["accessToken"] is not None
    assert sign_in(careful, "first.day")["errors"][0]["code"] == "UNAUTHENTICATED"
    assert sign_in(careful, "first.day", NEW)["needs"] is None
    sessions = house.one("SELECT count(*) FROM session WHERE user_id = %(id)s", id=id)
    assert sessions == 2


def test_a_password_that_was_set_again_is_changed_again(house: House, careful: str) -> None:
    id = someone(house, "set.again")
    admin = Client(careful, house.as_("admin").token)

    assert admin.data(SET, id=id, p=NEW, m=None)["errors"] == []
    asked = sign_in(careful, "set.again", NEW)
    assert admin.data(SET, id=id, p=NEW, m=False)["errors"] == []
    let_in = sign_in(careful, "set.again", NEW)

    assert (asked["needs"], let_in["needs"]) == ("NEW_PASSWORD", None)


def test_a_service_changes_its_password_by_hand(house: House, careful: str) -> None:
    admin = Client(careful, house.as_("admin").token)
    wanted = {"username": "robot", "displayName": "R", "password": PASSWORD, "kind": "SERVICE"}
    admin.data(ADD, i=wanted)

    assert sign_in(careful, "robot")["accessToken"] is not None


def test_signing_in_changes_no_password_that_need_not_be(house: House) -> None:
    someone(house, "no.need")

    refused = sign_in(house.url, "no.need", new=NEW)

    assert (refused["accessToken"], refused["errors"][0]["path"]) == (None, ["newPassword"])
    assert sign_in(house.url, "no.need")["accessToken"] is not None


def test_a_forgotten_password_is_set_by_a_code_once(house: House) -> None:
    id = someone(house, "forgot.it")
    session = house.nobody().sign_in("forgot.it")["sessionId"]
    issued = house.as_("admin").data(ISSUE, u=id)

    wrong = house.nobody().data(RESET, u="forgot.it", c="AAAA-BBBB-CCCC-DDDD", n=NEW)
    right = house.nobody().data(RESET, u="forgot.it", c=issued["code"].lower(), n=NEW)
    again = house.nobody().data(RESET, u="forgot.it", c=issued["code"], n=PASSWORD)

    assert (wrong["errors"], again["errors"]) == (NOT_GOOD, NOT_GOOD)
    assert right == {"done": True, "errors": []}
    ending = house.one("SELECT ending FROM session WHERE id = %(id)s", id=session)
    assert ending == "password_changed"
    assert house.nobody().sign_in("forgot.it", NEW)["errors"] == []


def test_a_code_is_good_for_its_owner_and_its_day(house: House) -> None:
    first, second = someone(house, "code.first"), someone(house, "code.second")
    code = house.as_("admin").data(ISSUE, u=first)["code"]
    newer = house.as_("admin").data(ISSUE, u=first)["code"]
    late = house.as_("admin").data(ISSUE, u=second)["code"]
    house.one(
        "UPDATE password_reset SET expires_at = now() WHERE user_id = %(id)s RETURNING 1", id=second
    )

    answers = [
        house.nobody().data(RESET, u="code.second", c=newer, n=NEW),
        house.nobody().data(RESET, u="code.first", c=code, n=NEW),
        house.nobody().data(RESET, u="code.second", c=late, n=NEW),
        house.nobody().data(RESET, u="no.such.user", c=newer, n=NEW),
    ]

    assert [one["errors"] for one in answers] == [NOT_GOOD] * 4
    assert house.nobody().data(RESET, u="code.first", c=newer, n=NEW)["done"] is True


def test_a_code_comes_from_administrators_and_for_people(house: House) -> None:
    id = someone(house, "code.for")

    assert house.as_("seller").code(ISSUE, u=id) == "FORBIDDEN"
    service = house.as_("admin").data(ISSUE, u=house.user("sync"))
    assert (service["code"], service["errors"][0]["code"]) == (None, "BAD_INPUT")
    kept = house.one("SELECT count(*) FROM password_reset WHERE user_id = %(id)s", id=id)
    assert kept == 0


def test_makes_one_who_guesses_codes_wait(house: House) -> None:
    someone(house, "code.guessed")

    codes = [
        house.nobody().data(RESET, u="code.guessed", c=f"AAAA-{turn}", n=NEW)["errors"][0]["code"]
        for turn in range(11)
    ]
    with redis.Redis.from_url(house.settings.redis_url) as client:
        for key in client.scan_iter("identity:tries:*"):
            client.delete(key)

    assert codes == ["BAD_INPUT"] * 10 + ["RATE_LIMITED"]
