"""Accounts: creating users and setting their passwords."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.identity.conftest import PASSWORD, House, people_state

CREATE = """
mutation($i: CreateUserInput!, $k: String) {
  createUser(input: $i, idempotencyKey: $k) {
    user { id username displayName version roles { name } department { name } }
    errors { code message path }
  }
}
"""


def test_creates_a_user_once(house: House) -> None:
    wanted = {
        "username": "New.Comer",
        "displayName": " 新人 ",
        "departmentId": house.department("Sales", "South"),
        "roles": ["sales", "marketing"],
        "password": PASSWORD,
    }
    before = house.version()

    created = house.as_("admin").data(CREATE, i=wanted, k="u1")
    again = house.as_("admin").data(CREATE, i=wanted, k="u1")

    assert created["errors"] == []
    assert created["user"] == {
        "id": created["user"]["id"],
        "username": "new.comer",
        "displayName": "新人",
        "version": 1,
        "roles": [{"name": "marketing"}, {"name": "sales"}],
        "department": {"name": "South"},
    }
    assert again == created
    assert house.version() == before + 1
    member = house.snapshot().users[UUID(created["user"]["id"])]
    assert (member.roles, member.active) == (("marketing", "sales"), True)
    assert house.nobody().sign_in("new.comer")["errors"] == []


@pytest.mark.parametrize(
    ("wrong", "code", "path"),
    [
        ({"username": "x"}, "BAD_INPUT", ["username"]),
        ({"username": "has space"}, "BAD_INPUT", ["username"]),
        ({"username": "seller"}, "CONFLICT", ["username"]),
        ({"username": "SELLER"}, "CONFLICT", ["username"]),
        ({"displayName": ""}, "BAD_INPUT", ["displayName"]),
        ({"displayName": "a\nb"}, "BAD_INPUT", ["displayName"]),
        ({"roles": ["pirate"]}, "BAD_INPUT", ["roles"]),
        ({"departmentId": str(uuid4())}, "BAD_INPUT", ["departmentId"]),
        ({"departmentId": "east"}, "BAD_INPUT", ["departmentId"]),
        ({"password": "short"}, "BAD_INPUT", ["password"]),
        ({"password": "fresh.one!!"}, "BAD_INPUT", ["password"]),
    ],
)
def test_refuses_a_wrong_user(
    house: House, wrong: dict[str, Any], code: str, path: list[str]
) -> None:
    before = people_state(house)
    right = {"username": "fresh.one", "displayName": "Fresh", "password": PASSWORD}

    refused = house.as_("admin").data(CREATE, i=right | wrong)

    assert (refused["errors"][0]["code"], refused["errors"][0]["path"]) == (code, path)
    assert refused["user"] is None
    assert people_state(house) == before


def test_sets_a_password_in_somebody_s_stead(house: House) -> None:
    wanted = {"username": "forgetful", "displayName": "F", "password": PASSWORD}
    id = house.as_("admin").data(CREATE, i=wanted)["user"]["id"]
    signed = house.nobody().sign_in("forgetful")

    house.as_("admin").data(
        'mutation($id: ID!) { setPassword(id: $id, password: "an entirely new one") '
        "{ errors { code } } }",
        id=id,
    )

    assert house.nobody().sign_in("forgetful")["accessToken"] is None
    assert house.nobody().sign_in("forgetful", "an entirely new one")["errors"] == []
    ended = "SELECT ending FROM session WHERE id = %(id)s"
    assert house.one(ended, id=signed["sessionId"]) == "password_changed"
