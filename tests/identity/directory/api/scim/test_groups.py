"""Groups of a directory: who is in them is its to say, what they may is the policy's."""

from __future__ import annotations

import pytest

from tests.identity.conftest import PASSWORD, Client, House
from tests.identity.directory.api.scim.conftest import GROUP, Directory

TIE = """
mutation($id: ID!, $roles: [String!]!) {
  tieDirectoryGroup(id: $id, roles: $roles) {
    group { displayName memberCount roles { name } } errors { code message path }
  }
}
"""
RULES = "{ rules(first: 1) { edges { node { id } } } }"


def test_confers_tied_roles_on_its_members_at_once(house: House, directory: Directory) -> None:
    member = directory.person("group.member", password=PASSWORD)
    group = directory.group("Auditors", member["id"])
    house.follow()
    client = Client(house.url, house.nobody().sign_in("group.member")["accessToken"])
    assert client.code(RULES) == "FORBIDDEN"

    tied = house.as_("admin").data(TIE, id=group["id"], roles=["auditor"])
    house.follow()

    assert tied == {
        "group": {"displayName": "Auditors", "memberCount": 1, "roles": [{"name": "auditor"}]},
        "errors": [],
    }
    assert "errors" not in client.ask(RULES)

    path = f'members[value eq "{member["id"]}"]'
    directory.patch(f"/Groups/{group['id']}", {"op": "remove", "path": path})
    house.follow()

    assert client.code(RULES) == "FORBIDDEN"


def test_takes_back_what_a_deleted_group_conferred(house: House, directory: Directory) -> None:
    member = directory.person("deleted.group", password=PASSWORD)
    group = directory.group("Soon gone", member["id"])
    house.as_("admin").data(TIE, id=group["id"], roles=["auditor"])
    house.follow()
    client = Client(house.url, house.nobody().sign_in("deleted.group")["accessToken"])
    assert "errors" not in client.ask(RULES)

    assert directory.call("DELETE", f"/Groups/{group['id']}").status_code == 204
    house.follow()

    assert client.code(RULES) == "FORBIDDEN"
    assert directory.call("GET", f"/Groups/{group['id']}").status_code == 404


def test_shows_groups_on_their_members(directory: Directory) -> None:
    member = directory.person("shown.member")
    group = directory.group("Shown", member["id"])

    shown = directory.call("GET", f"/Users/{member['id']}").json()

    assert [(one["value"], one["display"]) for one in shown["groups"]] == [(group["id"], "Shown")]
    found = directory.call("GET", '/Groups?filter=displayName eq "shown"').json()
    assert [one["id"] for one in found["Resources"]] == [group["id"]]


def test_adds_members_one_by_one(directory: Directory) -> None:
    people = [directory.person(f"one.by.one{n}")["id"] for n in range(3)]
    group = directory.group("One by one", people[0])

    for person in people:
        change = {"op": "add", "path": "members", "value": [{"value": person}]}
        assert directory.patch(f"/Groups/{group['id']}", change).status_code == 200

    shown = directory.call("GET", f"/Groups/{group['id']}").json()
    assert {one["value"] for one in shown["members"]} == set(people)


def test_leaves_a_group_when_they_leave_the_company(directory: Directory) -> None:
    member = directory.person("leaves.group")
    group = directory.group("Left behind", member["id"])

    directory.call("DELETE", f"/Users/{member['id']}")

    assert "members" not in directory.call("GET", f"/Groups/{group['id']}").json()


@pytest.mark.parametrize(
    "member",
    [
        {"value": "nobody"},
        {"value": "0199aaaa-0000-7000-8000-000000000000"},
        {"value": "0199aaaa-0000-7000-8000-000000000000", "type": "Group"},
    ],
)
def test_refuses_members_who_are_no_people(
    house: House, directory: Directory, member: dict[str, str]
) -> None:
    before = house.one("SELECT count(*) FROM directory_group")
    body = {"schemas": [GROUP], "displayName": "Strangers", "members": [member]}

    refused = directory.call("POST", "/Groups", body)

    assert (refused.status_code, refused.json()["scimType"]) == (400, "invalidValue")
    assert house.one("SELECT count(*) FROM directory_group") == before


def test_has_one_group_of_a_name(directory: Directory) -> None:
    directory.group("Only one")

    refused = directory.call("POST", "/Groups", {"schemas": [GROUP], "displayName": "ONLY ONE"})

    assert refused.status_code == 409


def test_ties_nothing_for_those_who_may_not_give_roles(house: House, directory: Directory) -> None:
    group = directory.group("Not tied")

    assert house.as_("seller").code(TIE, id=group["id"], roles=["administrator"]) == "FORBIDDEN"
    unknown = house.as_("admin").data(TIE, id=group["id"], roles=["no_such_role"])

    assert unknown["errors"][0]["path"] == ["roles"]
    assert (
        house.one(
            "SELECT count(*) FROM directory_group_role WHERE group_id = %(id)s", id=group["id"]
        )
        == 0
    )


def test_lists_groups_for_administrators(house: House, directory: Directory) -> None:
    directory.group("Listed")

    listed = house.as_("admin").data(
        "{ directoryGroups(first: 100) { edges { node { displayName roles { name } } } } }"
    )

    assert {"displayName": "Listed", "roles": []} in [edge["node"] for edge in listed["edges"]]
    assert house.as_("seller").code("{ directoryGroups { edges { node { id } } } }") == "FORBIDDEN"
