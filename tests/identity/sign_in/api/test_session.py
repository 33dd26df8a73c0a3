"""Signing in, staying signed in, and ending it, over HTTP against real PostgreSQL and Valkey."""

from __future__ import annotations

import re
import threading
import time
from typing import Any

import pytest
import redis
import requests
from argon2 import Parameters, extract_parameters

from identity.sign_in.domain import password
from tests.identity.conftest import PASSWORD, SIGN_IN, Client, House

REFRESH = """
mutation($t: String!) {
  refresh(refreshToken: $t) { accessToken refreshToken sessionId errors { code message path } }
}
"""
SIGN_OUT = "mutation($t: String) { signOut(refreshToken: $t) { done errors { code path } } }"
CHANGE = """
mutation($c: String!, $n: String!) {
  changePassword(currentPassword: $c, newPassword: $n) { done errors { code path message } }
}
"""
END_MANY = "mutation($u: ID) { endSessions(userId: $u) { ended errors { code } } }"
ADD = """
mutation($i: CreateUserInput!) { createUser(input: $i) { user { id } errors { code message } } }
"""


def someone(house: House, username: str) -> str:
    """The id of a new user with the usual password."""
    wanted = {"username": username, "displayName": "Someone", "roles": ["sales"]}
    payload = house.as_("admin").data(ADD, i=wanted | {"password": PASSWORD})
    assert payload["errors"] == []
    house.follow()
    return str(payload["user"]["id"])


def alive(house: House, session: str) -> bool:
    return bool(house.one("SELECT ended_at IS NULL FROM session WHERE id = %(id)s", id=session))


def test_signs_in_and_knows_the_viewer(house: House) -> None:
    signed = house.nobody().sign_in("seller")

    viewer = Client(house.url, signed["accessToken"]).data(
        "{ viewer { displayName roles { name } department { name path { name } } } }"
    )

    assert viewer == {
        "displayName": "Sun Seller",
        "roles": [{"name": "sales"}],
        "department": {
            "name": "One",
            "path": [{"name": "Sales"}, {"name": "East"}, {"name": "One"}],
        },
    }
    assert signed["userId"] == house.user("seller")


def test_accepts_a_user_name_in_any_case_and_with_spaces_around(house: House) -> None:
    assert house.nobody().sign_in(" Seller ")["errors"] == []


@pytest.mark.parametrize("username", ["seller", "no.such.user", "", "\u0000", "x" * 500])
def test_refuses_in_the_same_words_whoever_it_was(house: House, username: str) -> None:
    before = house.one("SELECT count(*) FROM session")

    refused = house.nobody().sign_in(username, "not the password")

    assert refused["errors"] == [
        {
            "code": "UNAUTHENTICATED",
            "message": "The user name or the password is wrong.",
            "path": [],
        }
    ]
    assert (refused["accessToken"], refused["refreshToken"], refused["userId"]) == (None,) * 3
    assert house.one("SELECT count(*) FROM session") == before


def test_refuses_in_the_reader_s_language(house: House) -> None:
    client = Client(house.url, language="zh-CN")

    assert client.sign_in("nobody.zh", "x")["errors"][0]["message"] == "用户名或密码错误。"


def test_takes_as_long_for_nobody_as_for_a_wrong_password(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seconds depend on the machine: what is compared is how often and at what cost it hashes."""
    someone(house, "timed.one")
    hasher, hashes = password._hasher, list[str]()

    class Noting:
        def verify(self, kept: str, text: str) -> bool:
            hashes.append(kept)
            return hasher.verify(kept, text)

    def costs(username: str) -> list[Parameters]:
        hashes.clear()
        house.nobody().sign_in(username, "not the password")
        return [extract_parameters(kept) for kept in hashes]

    monkeypatch.setattr(password, "_hasher", Noting())
    known, unknown = costs("timed.one"), costs("timed.unknown")

    assert len(known) == 1
    assert unknown == known


def test_makes_one_who_guesses_wait_and_then_lets_the_right_one_in(house: House) -> None:
    someone(house, "guessed")
    for _ in range(5):
        house.nobody().sign_in("guessed", "a wrong guess")

    throttled = house.nobody().sign_in("guessed")
    other = house.nobody().sign_in("seller")
    with redis.Redis.from_url(house.settings.redis_url) as client:
        for key in client.scan_iter("identity:tries:*"):
            client.pexpire(key, 1)  # the window ends
    time.sleep(0.05)
    later = house.nobody().sign_in("guessed")

    assert throttled["errors"][0]["code"] == "RATE_LIMITED"
    assert re.search(r"try again in [1-6]?\d seconds", throttled["errors"][0]["message"])
    assert throttled["accessToken"] is None
    assert other["errors"] == []
    assert later["errors"] == []


def test_guessing_at_once_gains_no_guess(house: House) -> None:
    someone(house, "stormed")
    codes: list[str] = []

    def guess() -> None:
        codes.append(house.nobody().sign_in("stormed", "wrong")["errors"][0]["code"])

    threads = [threading.Thread(target=guess) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(codes) == ["RATE_LIMITED"] * 7 + ["UNAUTHENTICATED"] * 5


def test_a_user_without_a_password_cannot_sign_in(house: House) -> None:
    house.as_("admin").data(
        'mutation { createUser(input: {username: "mute", displayName: "M"}) { errors { code } } }'
    )

    assert house.nobody().sign_in("mute", "")["errors"][0]["code"] == "UNAUTHENTICATED"


def test_a_suspended_user_is_refused_like_a_wrong_password(house: House) -> None:
    id = someone(house, "leaver")
    signed = house.nobody().sign_in("leaver")
    client = Client(house.url, signed["accessToken"])
    assert client.data("{ viewer { displayName } }") == {"displayName": "Someone"}

    house.as_("admin").data(
        "mutation($id: ID!) { suspendUser(id: $id) { user { status } errors { code } } }", id=id
    )
    house.follow()

    assert house.nobody().sign_in("leaver")["errors"][0]["code"] == "UNAUTHENTICATED"
    # The policy and the list of ended sessions travel apart; whichever is first refuses.
    assert client.code("{ viewer { displayName } }") in {"FORBIDDEN", "UNAUTHENTICATED"}
    assert house.nobody().data(REFRESH, t=signed["refreshToken"])["accessToken"] is None
    assert not alive(house, signed["sessionId"])


def test_renews_a_session_with_new_tokens(house: House) -> None:
    signed = house.nobody().sign_in("lead")

    renewed = house.nobody().data(REFRESH, t=signed["refreshToken"])

    assert renewed["errors"] == []
    assert renewed["sessionId"] == signed["sessionId"]
    assert renewed["refreshToken"] != signed["refreshToken"]
    viewer = Client(house.url, renewed["accessToken"]).data("{ viewer { displayName } }")
    assert viewer == {"displayName": "Lin Lead"}


def test_a_refresh_token_shown_twice_ends_the_whole_family(house: House) -> None:
    first = house.nobody().sign_in("lead")
    second = house.nobody().data(REFRESH, t=first["refreshToken"])

    reused = house.nobody().data(REFRESH, t=first["refreshToken"])
    heir = house.nobody().data(REFRESH, t=second["refreshToken"])

    assert reused["errors"][0] == {
        "code": "UNAUTHENTICATED",
        "message": "The refresh token is expired, was used before, or its session has ended; "
        "sign in again.",
        "path": ["refreshToken"],
    }
    assert heir["accessToken"] is None
    assert not alive(house, first["sessionId"])
    ending = "SELECT ending FROM session WHERE id = %(id)s"
    assert house.one(ending, id=first["sessionId"]) == "token_reused"


def test_two_who_show_a_token_at_once_get_one_pair(house: House) -> None:
    signed = house.nobody().sign_in("lead")
    answers: list[Any] = []
    threads = [
        threading.Thread(
            target=lambda: answers.append(house.nobody().data(REFRESH, t=signed["refreshToken"]))
        )
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(one["accessToken"] is not None for one in answers) == 1
    assert not alive(house, signed["sessionId"])


@pytest.mark.parametrize("shown", ["", "made-up", "\u0000", "x" * 10_000])
def test_refuses_a_refresh_token_that_is_none(house: House, shown: str) -> None:
    refused = house.nobody().data(REFRESH, t=shown)

    assert refused["errors"][0]["code"] == "UNAUTHENTICATED"
    assert refused["accessToken"] is None


def test_refuses_an_expired_refresh_token(house: House) -> None:
    signed = house.nobody().sign_in("lead")
    house.one(
        "UPDATE refresh_token SET expires_at = now() - interval '1 second' "
        "WHERE session_id = %(id)s RETURNING 1",
        id=signed["sessionId"],
    )

    refused = house.nobody().data(REFRESH, t=signed["refreshToken"])

    assert refused["errors"][0]["code"] == "UNAUTHENTICATED"
    assert (
        house.one(
            "SELECT count(*) FROM refresh_token WHERE session_id = %(id)s", id=signed["sessionId"]
        )
        == 1
    )


def test_keeps_no_token_in_clear(house: House) -> None:
    signed = house.nobody().sign_in("lead")

    found = house.one(
        "SELECT string_agg(to_jsonb(t)::text, '') || (SELECT string_agg(to_jsonb(s)::text, '') "
        "FROM session s) || (SELECT string_agg(body::text, '') FROM outbox) FROM refresh_token t"
    )

    assert signed["refreshToken"] not in found
    assert signed["refreshToken"].encode().hex() not in found
    assert PASSWORD not in house.one("SELECT string_agg(to_jsonb(u)::text, '') FROM user_account u")


@pytest.mark.parametrize("by", ["refresh token", "access token"])
def test_signs_out(house: House, by: str) -> None:
    signed = house.nobody().sign_in("lead")
    client = Client(house.url, signed["accessToken"] if by == "access token" else None)
    token = signed["refreshToken"] if by == "refresh token" else None

    first, again = client.data(SIGN_OUT, t=token), client.ask(SIGN_OUT, t=token)

    assert first["done"]
    if by == "access token" and "errors" in again:  # it is known already that the session ended
        assert again["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    else:
        (answered,) = again["data"].values()
        assert answered["done"]
    assert not alive(house, signed["sessionId"])
    assert house.nobody().data(REFRESH, t=signed["refreshToken"])["accessToken"] is None


def test_signing_out_must_say_of_what(house: House) -> None:
    answer = house.nobody().data(SIGN_OUT, t=None)

    assert answer == {"done": False, "errors": [{"code": "BAD_INPUT", "path": ["refreshToken"]}]}


def test_changes_a_password_and_ends_the_other_sessions(house: House) -> None:
    someone(house, "changer")
    here, elsewhere = house.nobody().sign_in("changer"), house.nobody().sign_in("changer")
    client = Client(house.url, here["accessToken"])

    changed = client.data(CHANGE, c=PASSWORD, n="quite another sentence")

    assert changed == {"done": True, "errors": []}
    assert alive(house, here["sessionId"])
    assert not alive(house, elsewhere["sessionId"])
    assert house.nobody().sign_in("changer")["accessToken"] is None
    assert house.nobody().sign_in("changer", "quite another sentence")["errors"] == []


@pytest.mark.parametrize(
    ("current", "new", "path"),
    [
        ("wrong", "quite another sentence", ["currentPassword"]),
        (PASSWORD, "short", ["newPassword"]),
        (PASSWORD, "1234567890", ["newPassword"]),
        (PASSWORD, "I am careful.one", ["newPassword"]),
    ],
)
def test_refuses_a_new_password(house: House, current: str, new: str, path: list[str]) -> None:
    if not house.one("SELECT 1 FROM user_account WHERE username = 'careful.one'"):
        someone(house, "careful.one")
    client = Client(house.url, house.nobody().sign_in("careful.one")["accessToken"])

    refused = client.data(CHANGE, c=current, n=new)

    assert (refused["errors"][0]["code"], refused["errors"][0]["path"]) == ("BAD_INPUT", path)
    assert house.nobody().sign_in("careful.one")["errors"] == []


def test_a_stolen_access_token_changes_no_password_after_sign_out(house: House) -> None:
    someone(house, "robbed")
    signed = house.nobody().sign_in("robbed")
    house.nobody().data(SIGN_OUT, t=signed["refreshToken"])

    answer = Client(house.url, signed["accessToken"]).ask(
        CHANGE, c=PASSWORD, n="quite another sentence"
    )

    assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert house.nobody().sign_in("robbed")["errors"] == []


SESSIONS = """
query($u: ID) { sessions(userId: $u) { edges { node { id current ending address } } } }
"""
END = "mutation($id: ID!) { endSession(id: $id) { session { ending } errors { code } } }"


def test_lists_and_ends_one_s_own_sessions(house: House) -> None:
    someone(house, "tidy")
    here, there = house.nobody().sign_in("tidy"), house.nobody().sign_in("tidy")
    client = Client(house.url, here["accessToken"])

    listed = client.data(SESSIONS, u=None)["edges"]
    ended = client.data(END, id=there["sessionId"])
    left = client.data(SESSIONS, u=None)["edges"]

    assert [(e["node"]["id"], e["node"]["current"]) for e in listed] == [
        (there["sessionId"], False),
        (here["sessionId"], True),
    ]
    assert listed[0]["node"]["address"] == "127.0.0.1"
    assert ended == {"session": {"ending": "ENDED_BY_OWNER"}, "errors": []}
    assert [e["node"]["id"] for e in left] == [here["sessionId"]]


def test_tells_sessions_apart_by_device_and_part_of_the_address(house: House) -> None:
    someone(house, "devices")
    agent = (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"
    )
    for headers in (
        {"user-agent": agent, "x-forwarded-for": "203.0.113.77"},
        {"user-agent": "gateway", "x-device": "curl/8.5.0", "x-forwarded-for": "2001:db8:1:2::3"},
    ):
        answer = requests.post(
            f"{house.url}/graphql",
            json={"query": SIGN_IN, "variables": {"u": "devices", "p": PASSWORD}},
            headers=headers,
            timeout=20,
        )
    client = Client(house.url, answer.json()["data"]["signIn"]["accessToken"])

    edges = client.data("{ sessions { edges { node { device address } } } }")["edges"]

    assert [edge["node"] for edge in edges] == [
        {"device": "curl 8.5.0", "address": "2001:0db8:0001:x"},
        {"device": "Chrome, Windows", "address": "203.0.113.x"},
    ]


def test_ends_all_one_s_other_sessions(house: House) -> None:
    someone(house, "elsewhere")
    here, *there = [house.nobody().sign_in("elsewhere") for _ in range(3)]

    ended = Client(house.url, here["accessToken"]).data(END_MANY, u=None)

    assert ended == {"ended": 2, "errors": []}
    assert alive(house, here["sessionId"])
    assert not any(alive(house, one["sessionId"]) for one in there)


def test_ends_all_sessions_of_somebody_only_as_an_administrator(house: House) -> None:
    id = someone(house, "ended.all")
    sessions = [house.nobody().sign_in("ended.all")["sessionId"] for _ in range(2)]

    refused = house.as_("seller").data(END_MANY, u=id)
    before = [alive(house, one) for one in sessions]
    ended = house.as_("admin").data(END_MANY, u=id)

    assert (refused["ended"], refused["errors"][0]["code"]) == (None, "NOT_FOUND")
    assert before == [True, True]
    assert ended == {"ended": 2, "errors": []}
    told = (
        "SELECT count(*) FROM outbox WHERE body->>'action' = 'end_sessions' "
        "AND body->>'resource' = %(id)s"
    )
    assert house.one(told, id=id) == 1


def test_sees_and_ends_sessions_of_others_only_as_an_administrator(house: House) -> None:
    someone(house, "watched")
    signed = house.nobody().sign_in("watched")
    id = signed["userId"]

    assert house.as_("seller").code(SESSIONS, u=id) == "FORBIDDEN"
    assert house.as_("seller").data(END, id=signed["sessionId"])["errors"] == [
        {"code": "NOT_FOUND"}
    ]
    assert alive(house, signed["sessionId"])
    assert len(house.as_("admin").data(SESSIONS, u=id)["edges"]) == 1
    ended = house.as_("admin").data(END, id=signed["sessionId"])
    assert ended["session"] == {"ending": "ENDED_BY_ADMINISTRATOR"}


def test_nobody_is_answered_but_signing_in(house: House) -> None:
    client = house.nobody()

    assert client.code("{ viewer { id } }") == "UNAUTHENTICATED"
    assert client.code("{ sessions { edges { cursor } } }") == "UNAUTHENTICATED"
    assert client.code(CHANGE, c="a", n="b") == "UNAUTHENTICATED"
    assert client.code('mutation { endSession(id: "x") { errors { code } } }') == "UNAUTHENTICATED"


def test_counts_somebody_behind_the_gateway_by_their_own_address(house: House) -> None:
    someone(house, "proxied")

    def sign_in(address: str, password: str) -> Any:
        answer = requests.post(
            f"{house.url}/graphql",
            json={"query": SIGN_IN, "variables": {"u": "proxied", "p": password}},
            headers={"x-forwarded-for": address},
            timeout=20,
        )
        return answer.json()["data"]["signIn"]

    for _ in range(6):
        guessed = sign_in("203.0.113.9", "wrong")
    signed = sign_in("203.0.113.7", PASSWORD)

    assert guessed["errors"][0]["code"] == "RATE_LIMITED"
    assert signed["errors"] == []
    address = "SELECT address FROM session WHERE id = %(id)s"
    assert house.one(address, id=signed["sessionId"]) == "203.0.113.7"
