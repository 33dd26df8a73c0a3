"""Access that ends by itself: refused from that very moment, told of before, and extended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from identity.temporary.commands.access_end import remind, settle
from tests.identity.conftest import PASSWORD, Client, House
from tests.support.waiting import wait_until

CREATE = """
mutation($i: CreateUserInput!) {
  createUser(input: $i) { user { id accessUntil kind } errors { code message path } }
}
"""
UPDATE = """
mutation($id: ID!, $i: UpdateUserInput!) {
  updateUser(id: $id, input: $i) { user { accessUntil } errors { code message path } }
}
"""
ME = "{ viewer { displayName accessUntil } }"


def a_guest(name: str, until: datetime | None, **more: Any) -> dict[str, Any]:
    return {
        "username": name,
        "displayName": name.title(),
        "kind": "EXTERNAL",
        "roles": ["external_collaborator"],
        "password": PASSWORD,
        "accessUntil": until.isoformat() if until else None,
    } | more


def in_(**span: float) -> datetime:
    return datetime.now(UTC) + timedelta(**span)


def test_refuses_the_next_request_after_the_end_and_none_before(house: House) -> None:
    made = house.as_("admin").data(CREATE, i=a_guest("guest", in_(days=10)))
    assert made["errors"] == []
    id = made["user"]["id"]
    signed = house.nobody().sign_in("guest")
    house.follow()
    guest = Client(house.url, signed["accessToken"])
    assert guest.data(ME)["displayName"] == "Guest"

    soon = in_(seconds=2)
    house.as_("admin").data(UPDATE, id=id, i={"accessUntil": soon.isoformat()})
    house.follow()
    version = house.version()

    wait_until(lambda: datetime.now(UTC) > soon + timedelta(milliseconds=50))
    assert guest.code(ME) == "UNAUTHENTICATED"
    assert guest.code("{ sessions(first: 1) { edges { node { id } } } }") == "UNAUTHENTICATED"
    assert house.version() == version  # nobody had to say it
    renewed = house.nobody().data(
        "mutation($t: String!) { refresh(refreshToken: $t) { errors { code } } }",
        t=signed["refreshToken"],
    )
    assert renewed["errors"][0]["code"] == "UNAUTHENTICATED"
    assert house.nobody().sign_in("guest")["accessToken"] is None

    extended = house.as_("admin").data(UPDATE, id=id, i={"accessUntil": in_(days=30).isoformat()})
    house.follow()

    assert extended["errors"] == []
    assert house.nobody().sign_in("guest")["errors"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"accessUntil": None},
        {"accessUntil": in_(days=-1).isoformat()},
        {"accessUntil": in_(days=400).isoformat()},
    ],
)
def test_nobody_from_outside_has_access_without_a_near_end(
    house: House, wrong: dict[str, Any]
) -> None:
    before = house.one("SELECT count(*) FROM user_account")

    refused = house.as_("admin").data(CREATE, i=a_guest("endless", in_(days=1)) | wrong)

    assert (refused["errors"][0]["code"], refused["errors"][0]["path"]) == (
        "BAD_INPUT",
        ["accessUntil"],
    )
    assert house.one("SELECT count(*) FROM user_account") == before


def test_the_last_administrator_has_no_end(house: House) -> None:
    version = house.version()

    refused = house.as_("admin").data(
        UPDATE, id=house.user("admin"), i={"accessUntil": in_(days=5).isoformat()}
    )

    assert refused["errors"][0]["path"] == ["accessUntil"]
    assert house.version() == version


def test_ends_the_sessions_for_good_and_writes_it_down_once(house: House) -> None:
    id = house.as_("admin").data(CREATE, i=a_guest("leaver", in_(days=1)))["user"]["id"]
    house.nobody().sign_in("leaver")
    house.one(
        "UPDATE user_account SET access_until = now() - interval '1 s' "
        "WHERE id = %(id)s RETURNING 1",
        id=id,
    )
    version = house.version()

    assert (house.db.write(settle), house.db.write(settle)) == (1, 0)

    ending = "SELECT ending FROM session WHERE user_id = %(id)s"
    assert house.one(ending, id=id) == "access_ended"
    told = "SELECT count(*) FROM outbox WHERE subject = %(id)s AND body->>'action' = 'access_ended'"
    assert house.one(told, id=id) == 1
    assert house.version() == version + 1


def test_reminds_once_for_each_number_of_days(house: House) -> None:
    id = house.as_("admin").data(CREATE, i=a_guest("almost", in_(days=6)))["user"]["id"]
    told = (
        "SELECT array_agg((body->>'days')::int ORDER BY position) FROM outbox "
        "WHERE name = 'identity.access_end.announced' AND subject = %(id)s"
    )

    for _ in range(2):
        house.db.write(remind)
    assert house.one(told, id=id) == [7]

    house.as_("admin").data(UPDATE, id=id, i={"accessUntil": in_(hours=20).isoformat()})
    for _ in range(2):
        house.db.write(remind)
    assert house.one(told, id=id) == [7, 1]


def test_lists_whose_access_ends_soon(house: House) -> None:
    house.as_("admin").data(CREATE, i=a_guest("sooner", in_(days=3)))
    asked = (
        "query($b: DateTime) { users(filter: {accessEndsBefore: $b}) "
        "{ edges { node { displayName } } } }"
    )

    found = house.as_("admin").data(asked, b=in_(days=4).isoformat())

    names = [edge["node"]["displayName"] for edge in found["edges"]]
    assert "Sooner" in names
    assert "Ada Admin" not in names
