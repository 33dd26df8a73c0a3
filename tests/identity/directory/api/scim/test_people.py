"""What a directory does to people, and what that does to what they may."""

from __future__ import annotations

from typing import Any

import pytest

from tests.identity.conftest import PASSWORD, Client, House
from tests.identity.directory.api.scim.conftest import ENTERPRISE, USER, Directory, key_for

NEW_PASSWORD = "several unrelated words"


def row(house: House, column: str, id: str) -> Any:
    return house.one(f"SELECT {column} FROM user_account WHERE id = %(id)s", id=id)


def test_provisions_somebody_who_can_sign_in(house: House, directory: Directory) -> None:
    version = house.version()

    made = directory.person(
        "Gao.Fei@example.com",
        externalId="e-1",
        name={"givenName": "Fei", "familyName": "Gao"},
        password=PASSWORD,
    )

    assert made["userName"] == "Gao.Fei@example.com"
    assert made["active"] is True
    assert "password" not in made
    assert row(house, "username", made["id"]) == "gao.fei@example.com"
    assert row(house, "display_name", made["id"]) == "Fei Gao"
    assert house.version() == version + 1
    assert house.nobody().sign_in("gao.fei@example.com")["userId"] == made["id"]


def test_keeps_what_a_directory_says_encrypted(house: House, directory: Directory) -> None:
    made = directory.person("sealed.one", phoneNumbers=[{"value": "+86 555 0100", "type": "work"}])

    sealed = house.one("SELECT sealed FROM directory_user WHERE user_id = %(id)s", id=made["id"])

    assert b"555" not in bytes(sealed)
    assert directory.call("GET", f"/Users/{made['id']}").json()["phoneNumbers"] == [
        {"value": "+86 555 0100", "type": "work"}
    ]


def test_puts_somebody_where_the_directory_names_a_department_of_ours(
    house: House, directory: Directory
) -> None:
    made = directory.person("placed.one", **{ENTERPRISE: {"department": "Sales/East"}})

    assert str(row(house, "department_id", made["id"])) == house.department("Sales", "East")

    moved = directory.patch(
        f"/Users/{made['id']}",
        {"op": "replace", "path": f"{ENTERPRISE}:department", "value": "South"},
    )
    kept = directory.patch(
        f"/Users/{made['id']}",
        {"op": "replace", "path": f"{ENTERPRISE}:department", "value": "Nowhere"},
    )

    assert (moved.status_code, kept.status_code) == (200, 200)
    assert str(row(house, "department_id", made["id"])) == house.department("Sales", "South")


def test_refuses_a_second_one_of_the_same_name(house: House, directory: Directory) -> None:
    directory.person("only.once")
    before = house.one("SELECT count(*) FROM user_account")

    refused = directory.call("POST", "/Users", {"schemas": [USER], "userName": "Only.Once"})

    assert (refused.status_code, refused.json()["scimType"]) == (409, "uniqueness")
    assert house.one("SELECT count(*) FROM user_account") == before


def test_suspends_at_once_and_lets_in_again(house: House, directory: Directory) -> None:
    made = directory.person("on.and.off", password=PASSWORD)
    token = house.nobody().sign_in("on.and.off")["accessToken"]
    house.follow()

    off = directory.patch(f"/Users/{made['id']}", {"op": "replace", "value": {"active": False}})
    house.follow()

    assert off.json()["active"] is False
    assert row(house, "status", made["id"]) == "suspended"
    assert house.nobody().sign_in("on.and.off")["accessToken"] is None
    assert "errors" in Client(house.url, token).ask("{ users { totalCount } }")

    directory.patch(f"/Users/{made['id']}", {"op": "replace", "path": "active", "value": True})

    assert house.nobody().sign_in("on.and.off")["errors"] == []


def test_sets_and_takes_a_password_and_otherwise_leaves_it(
    house: House, directory: Directory
) -> None:
    made = directory.person("pass.word", password=PASSWORD)
    path = f"/Users/{made['id']}"

    directory.call("PUT", path, {"schemas": [USER], "userName": "pass.word", "title": "Lead"})
    assert house.nobody().sign_in("pass.word")["errors"] == []

    directory.patch(path, {"op": "replace", "path": "password", "value": NEW_PASSWORD})
    assert house.nobody().sign_in("pass.word", NEW_PASSWORD)["errors"] == []

    directory.patch(path, {"op": "remove", "path": "password"})
    assert row(house, "password_hash", made["id"]) is None


def test_refuses_a_password_that_is_guessed(house: House, directory: Directory) -> None:
    body = {"schemas": [USER], "userName": "weak.one", "password": "1234567890"}

    refused = directory.call("POST", "/Users", body)

    assert (refused.status_code, refused.json()["scimType"]) == (400, "invalidValue")


def test_frees_the_name_of_somebody_who_left_for_a_new_person(
    house: House, directory: Directory
) -> None:
    left = directory.person("comes.and.goes", password=PASSWORD, title="Boss")
    session = house.nobody().sign_in("comes.and.goes")["sessionId"]
    path = f"/Users/{left['id']}"

    assert directory.call("DELETE", path).status_code == 204
    again = directory.person("comes.and.goes")

    assert again["id"] != left["id"]
    assert directory.call("GET", path).status_code == 404
    assert directory.call("DELETE", path).status_code == 404
    assert row(house, "status", left["id"]) == "suspended"
    assert row(house, "password_hash", left["id"]) is None
    assert house.one("SELECT ended_at FROM session WHERE id = %(id)s", id=session) is not None
    assert (
        house.one("SELECT sealed FROM directory_user WHERE user_id = %(id)s", id=left["id"]) is None
    )


def test_heeds_etags(directory: Directory) -> None:
    made = directory.person("e.tag")
    path, tag = f"/Users/{made['id']}", made["meta"]["version"]

    assert directory.call("GET", path, if_none_match=tag).status_code == 304
    change = {"op": "replace", "path": "title", "value": "Head"}
    assert directory.patch(path, change, if_match=tag).status_code == 200
    assert directory.patch(path, change, if_match=tag).status_code == 412
    assert directory.call("DELETE", path, if_match=tag).status_code == 412
    assert directory.call("GET", path, if_none_match=tag).json()["title"] == "Head"


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ('userName eq "F.One"', {"f.one"}),
        ('externalId eq "ext-2"', {"f.two"}),
        ('userName sw "f." and title eq "lead"', {"f.two"}),
        ('emails[type eq "work" and value co "one@"]', {"f.one"}),
        ('userName sw "f." and not (title pr)', {"f.one"}),
        ('userName eq "nobody.at.all"', set()),
    ],
)
def test_finds_by_filter(
    directory: Directory, filter: str, found: set[str], some_people: None
) -> None:
    answer = directory.call("GET", f"/Users?filter={filter}").json()

    assert {one["userName"] for one in answer.get("Resources", [])} == found
    assert answer["totalResults"] == len(found)


@pytest.fixture(scope="module")
def some_people(directory: Directory) -> None:
    email = {"value": "one@example.com", "type": "work"}
    directory.person("f.one", externalId="ext-1", emails=[email])
    directory.person("f.two", externalId="ext-2", title="Lead")


def test_shows_pages_in_any_order(directory: Directory, some_people: None) -> None:
    first = directory.call("GET", "/Users?startIndex=1&count=2").json()
    second = directory.call("GET", "/Users?startIndex=3&count=2").json()
    sorted_ = directory.call("GET", "/Users?sortBy=userName&sortOrder=descending").json()

    ids = [one["id"] for one in first["Resources"] + second["Resources"]]
    names = [one["userName"].lower() for one in sorted_["Resources"]]
    assert len(set(ids)) == 4
    assert (first["itemsPerPage"], second["startIndex"]) == (2, 3)
    assert first["totalResults"] == sorted_["totalResults"] == len(names)
    assert names == sorted(names, reverse=True)


def test_never_shows_service_users(house: House, directory: Directory) -> None:
    assert directory.call("GET", '/Users?filter=userName eq "sync"').json()["totalResults"] == 0
    assert directory.call("GET", f"/Users/{house.user('sync')}").status_code == 404


def test_does_not_take_over_those_who_may_change_the_policy(
    house: House, directory: Directory
) -> None:
    path = f"/Users/{house.user('admin')}"
    before = row(house, "password_hash", house.user("admin"))

    change = {"op": "replace", "path": "password", "value": NEW_PASSWORD}

    assert directory.patch(path, change).status_code == 403
    assert directory.call("DELETE", path).status_code == 403
    assert row(house, "password_hash", house.user("admin")) == before


def test_is_for_keys_of_this_door_and_roles_of_this_policy(house: House) -> None:
    other_door = Directory(house.url, key_for(house, "other.door", "provisioner", "GRAPHQL"))
    other_role = Directory(house.url, key_for(house, "other.role", "auditor", "SCIM"))
    token = house.as_("admin").token

    assert other_door.call("GET", "/Users").status_code == 403
    assert other_role.call("GET", "/Users").status_code == 403
    assert Directory(house.url, str(token)).call("GET", "/Users").status_code == 401
    refused = Directory(house.url, "hck_" + "x" * 43).call("GET", "/Users")
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {"schemas": [USER]},
        {"schemas": [USER], "userName": "no spaces allowed"},
        {"schemas": [USER], "userName": "nul.one", "externalId": "a\u0000b"},
        {"schemas": [USER], "userName": "long.one", "externalId": "x" * 501},
    ],
)
def test_refuses_what_is_no_user(house: House, directory: Directory, body: Any) -> None:
    before = house.one("SELECT count(*) FROM user_account")

    refused = directory.call("POST", "/Users", body)

    assert refused.status_code == 400
    assert refused.headers["content-type"] == "application/scim+json"
    assert house.one("SELECT count(*) FROM user_account") == before


def test_tells_the_ledger_without_names(house: House, directory: Directory) -> None:
    made = directory.person("ledger.one", title="Head of Secrets")

    body = house.one(
        "SELECT body::text FROM outbox WHERE name = 'audit.event.recorded' AND subject = %(id)s"
        " UNION SELECT to_jsonb(audit_event)::text FROM audit_event WHERE resource = %(id)s",
        id=made["id"],
    )

    assert "provision" in body
    assert "ledger.one" not in body
    assert "Secrets" not in body
