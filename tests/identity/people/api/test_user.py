"""Users: finding them, changing them, and what the policy makes of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from tests.identity.conftest import PASSWORD, Client, House, people_state

CREATE = """
mutation($i: CreateUserInput!, $k: String) {
  createUser(input: $i, idempotencyKey: $k) {
    user { id username displayName version roles { name } department { name } }
    errors { code message path }
  }
}
"""


UPDATE = """
mutation($id: ID!, $i: UpdateUserInput!, $v: Int) {
  updateUser(id: $id, input: $i, expectedVersion: $v) {
    user { displayName version roles { name } department { name } }
    errors { code message path conflictVersion }
  }
}
"""


SUSPEND = "mutation($id: ID!) { suspendUser(id: $id) { user { status } errors { code path } } }"


USERS = """
query($f: UserFilter, $n: Int! = 20, $a: String) {
  users(filter: $f, first: $n, after: $a) {
    edges { node { displayName } } pageInfo { hasNextPage endCursor }
  }
}
"""


def names(page: Any) -> list[str]:
    return [edge["node"]["displayName"] for edge in page["edges"]]


def test_changes_of_people_count_the_policy_up_and_names_do_not(house: House) -> None:
    admin, id, before = house.as_("admin"), house.user("seller"), house.version()

    named = admin.data(UPDATE, id=id, i={"displayName": "Sun Renamed"})
    at_name = house.version()
    moved = admin.data(UPDATE, id=id, i={"departmentId": house.department("Sales", "South")})
    given = admin.data(UPDATE, id=id, i={"roles": ["sales", "service"]})
    same = admin.data(UPDATE, id=id, i={"roles": ["service", "sales"]})

    assert (named["user"]["displayName"], at_name) == ("Sun Renamed", before)
    assert moved["user"]["department"] == {"name": "South"}
    assert given["user"]["roles"] == [{"name": "sales"}, {"name": "service"}]
    assert same["user"]["version"] == given["user"]["version"]
    assert house.version() == before + 2
    member = house.snapshot().users[UUID(id)]
    assert str(member.department) == house.department("Sales", "South")
    events = house.one(
        "SELECT string_agg(body::text, '') FROM outbox WHERE subject = %(id)s", id=id
    )
    assert "Sun" not in events


def test_refuses_a_change_of_another_version(house: House) -> None:
    before = people_state(house)

    refused = house.as_("admin").data(
        UPDATE, id=house.user("lead"), i={"displayName": "Other"}, v=99
    )

    error = refused["errors"][0]
    assert (error["code"], error["path"]) == ("CONFLICT", ["expectedVersion"])
    assert error["conflictVersion"] >= 1
    assert people_state(house) == before


def test_the_last_administrator_stays_one(house: House) -> None:
    before, id = people_state(house), house.user("admin")

    demoted = house.as_("admin").data(UPDATE, id=id, i={"roles": ["sales"]})
    suspended = house.as_("admin").data(SUSPEND, id=id)

    assert demoted["errors"][0]["path"] == ["roles"]
    assert "no person who can sign in" in demoted["errors"][0]["message"]
    assert suspended["errors"] == [{"code": "BAD_INPUT", "path": ["id"]}]
    assert people_state(house) == before
    assert house.nobody().sign_in("admin")["errors"] == []


def test_who_may_change_users_gives_no_roles_and_takes_over_nobody(house: House) -> None:
    admin = house.as_("admin")
    admin.data(
        'mutation { createRole(name: "helpdesk", description: "", inherits: ["colleague"]) '
        "{ errors { code } } }"
    )
    for action in ("create", "update"):
        admin.data(
            "mutation($i: RuleInput!, $v: Int!) "
            "{ addRule(input: $i, expectedVersion: $v) { errors { code } } }",
            i={"subject": "role:helpdesk", "object": "User", "action": action, "rows": "subtree"},
            v=house.version(),
        )
    desk = {"username": "desk", "displayName": "Desk", "roles": ["helpdesk"], "password": PASSWORD}
    desk["departmentId"] = house.department("Sales")
    admin.data(CREATE, i=desk)
    house.follow()
    helper = Client(house.url, house.nobody().sign_in("desk")["accessToken"])
    before = people_state(house)

    def refused(mutation: str, **asked: Any) -> str:
        errors = helper.data(mutation, **asked)["errors"]
        return str(errors[0]["code"])

    set_password = (
        "mutation($id: ID!, $p: String!) { setPassword(id: $id, password: $p) { errors { code } } }"
    )
    new = {"username": "pal", "displayName": "Pal"}
    assert refused(UPDATE, id=house.user("lead"), i={"roles": ["administrator"]}) == "FORBIDDEN"
    assert refused(set_password, id=house.user("admin"), p="take it over now") == "FORBIDDEN"
    assert refused(SUSPEND, id=house.user("admin")) == "FORBIDDEN"
    assert refused(SUSPEND, id=house.user("auditor")) == "NOT_FOUND"
    assert refused(CREATE, i=new | {"departmentId": house.department("Audit")}) == "BAD_INPUT"
    place = {"departmentId": house.department("Sales")}
    assert refused(CREATE, i=new | place | {"roles": ["sales"]}) == "FORBIDDEN"
    assert people_state(house) == before
    assert helper.data(CREATE, i=new | place)["errors"] == []
    assert helper.data(UPDATE, id=house.user("lead"), i={"displayName": "Lin"})["errors"] == []


def test_finds_users(house: House) -> None:
    seller = house.as_("auditor")

    services = seller.data(USERS, f={"kind": "SERVICE"})
    below = seller.data(USERS, f={"departmentId": house.department("Sales", "East"), "below": True})
    by_name = seller.data(USERS, f={"search": "lin"})
    by_role = seller.data(USERS, f={"role": "auditor"})
    first = seller.data(USERS, n=2)
    rest = seller.data(USERS, n=100, a=first["pageInfo"]["endCursor"])

    assert names(services) == ["Sync"]
    assert names(below)[0].startswith("Lin")
    assert names(by_name)[0].startswith("Lin")
    assert names(by_role) == ["Ai Auditor"]
    everybody = names(first) + names(rest)
    assert everybody == sorted(everybody)
    assert len(everybody) == house.one("SELECT count(*) FROM user_account")


@pytest.mark.parametrize("window", [{"n": 0}, {"n": 101}, {"a": "nonsense"}])
def test_refuses_a_wrong_page(house: House, window: dict[str, Any]) -> None:
    assert house.as_("seller").code(USERS, **window) == "BAD_INPUT"


def test_user_names_are_for_those_who_change_users(house: House) -> None:
    query = "{ users(first: 1) { edges { node { username } } } }"

    assert house.as_("seller").code(query) == "FORBIDDEN"
    assert "errors" not in house.as_("admin").ask(query)


@pytest.mark.parametrize(
    "mutation",
    [
        'createUser(input: {username: "aa", displayName: "A"}) { errors { code } }',
        'updateUser(id: "x", input: {}) { errors { code } }',
        'suspendUser(id: "x") { errors { code } }',
        'setPassword(id: "x", password: "y") { errors { code } }',
        'createDepartment(name: "x") { errors { code } }',
        'moveDepartment(id: "x") { errors { code } }',
        'createRole(name: "xx") { errors { code } }',
    ],
)
def test_only_who_may_changes_people(house: House, mutation: str) -> None:
    before = people_state(house)

    assert house.as_("lead").code(f"mutation {{ {mutation} }}") == "FORBIDDEN"
    assert house.nobody().code(f"mutation {{ {mutation} }}") == "UNAUTHENTICATED"
    assert people_state(house) == before
