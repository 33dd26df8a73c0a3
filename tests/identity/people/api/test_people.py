"""Departments, users and roles: reading them, changing them, and what the policy makes of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.identity.conftest import PASSWORD, Client, House

MOVE = """
mutation($id: ID!, $p: ID, $v: Int) {
  moveDepartment(id: $id, parentId: $p, expectedVersion: $v) {
    department { version parent { name } path { name } }
    errors { code message path conflictVersion }
  }
}
"""
CREATE_DEPARTMENT = """
mutation($n: String!, $p: ID, $k: String) {
  createDepartment(name: $n, parentId: $p, idempotencyKey: $k) {
    department { id name path { name } } errors { code path message }
  }
}
"""
RENAME = """
mutation($id: ID!, $n: String!) {
  renameDepartment(id: $id, name: $n) { department { name version } errors { code path } }
}
"""
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


def state(house: House) -> tuple[Any, ...]:
    """What a refusal must leave as it was."""
    return (
        house.snapshot(),
        house.one("SELECT jsonb_agg(to_jsonb(u) ORDER BY id) FROM user_account u"),
        house.one("SELECT count(*) FROM department_path"),
    )


def names(page: Any) -> list[str]:
    return [edge["node"]["displayName"] for edge in page["edges"]]


def test_moves_a_department_with_all_below_it(house: House) -> None:
    before = house.version()

    moved = house.as_("admin").data(
        MOVE, id=house.department("Sales", "East"), p=house.department("Audit")
    )

    assert moved["errors"] == []
    assert moved["department"]["path"] == [{"name": "Audit"}, {"name": "East"}]
    one = house.as_("seller").data("{ viewer { department { path { name } } } }")
    assert [step["name"] for step in one["department"]["path"]] == ["Audit", "East", "One"]
    east, audit = (UUID(house.department(*p)) for p in (("Sales", "East"), ("Audit",)))
    assert house.snapshot().departments[east] == audit
    assert house.version() == before + 1
    back = house.as_("admin").data(
        MOVE, id=house.department("Sales", "East"), p=house.department("Sales")
    )
    assert [step["name"] for step in back["department"]["path"]] == ["Sales", "East"]
    # The closure is what the tree says: every department with each above it and itself.
    assert house.one("SELECT count(*) FROM department_path") == 1 + 2 + 3 + 2 + 1


@pytest.mark.parametrize("parent", [("Sales",), ("Sales", "East"), ("Sales", "East", "One")])
def test_a_department_never_lies_below_itself(house: House, parent: tuple[str, ...]) -> None:
    before = state(house)

    refused = house.as_("admin").data(
        MOVE, id=house.department("Sales"), p=house.department(*parent)
    )

    assert (refused["errors"][0]["code"], refused["errors"][0]["path"]) == (
        "BAD_INPUT",
        ["parentId"],
    )
    assert state(house) == before


def test_refuses_wrong_departments(house: House) -> None:
    before = state(house)
    admin, sales = house.as_("admin"), house.department("Sales")

    codes = [
        admin.data(MOVE, id=str(uuid4()), p=sales)["errors"][0]["code"],
        admin.data(MOVE, id=sales, p=str(uuid4()))["errors"][0]["path"],
        admin.data(MOVE, id="east", p=None)["errors"][0]["path"],
        admin.data(MOVE, id=sales, p=None, v=99)["errors"][0]["code"],
        admin.data(CREATE_DEPARTMENT, n="East", p=sales)["errors"][0]["code"],
        admin.data(CREATE_DEPARTMENT, n="  ", p=sales)["errors"][0]["path"],
        admin.data(CREATE_DEPARTMENT, n="a\u0000b", p=sales)["errors"][0]["path"],
        admin.data(CREATE_DEPARTMENT, n="x" * 101, p=sales)["errors"][0]["path"],
    ]

    assert codes == [
        "NOT_FOUND",
        ["parentId"],
        ["id"],
        "CONFLICT",
        "CONFLICT",
        ["name"],
        ["name"],
        ["name"],
    ]
    assert state(house) == before


def test_adds_and_renames_a_department_once(house: House) -> None:
    admin, audit = house.as_("admin"), house.department("Audit")

    first = admin.data(CREATE_DEPARTMENT, n="Inner 内审", p=audit, k="dep")
    again = admin.data(CREATE_DEPARTMENT, n="Inner 内审", p=audit, k="dep")
    renamed = admin.data(RENAME, id=first["department"]["id"], n="Inner Audit")

    assert first["department"]["path"] == [{"name": "Audit"}, {"name": "Inner 内审"}]
    assert again == first
    assert renamed["department"] == {"name": "Inner Audit", "version": 2}


def test_lists_departments_by_their_place(house: House) -> None:
    query = """
    query($w: ID, $p: ID) { departments(within: $w, parent: $p) { edges { node { name } } } }
    """
    seller = house.as_("seller")

    within = seller.data(query, w=house.department("Sales"))
    below = seller.data(query, p=house.department("Sales"))

    assert [e["node"]["name"] for e in within["edges"]] == ["East", "One", "Sales", "South"]
    assert [e["node"]["name"] for e in below["edges"]] == ["East", "South"]


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
    before = state(house)
    right = {"username": "fresh.one", "displayName": "Fresh", "password": PASSWORD}

    refused = house.as_("admin").data(CREATE, i=right | wrong)

    assert (refused["errors"][0]["code"], refused["errors"][0]["path"]) == (code, path)
    assert refused["user"] is None
    assert state(house) == before


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
    before = state(house)

    refused = house.as_("admin").data(
        UPDATE, id=house.user("lead"), i={"displayName": "Other"}, v=99
    )

    error = refused["errors"][0]
    assert (error["code"], error["path"]) == ("CONFLICT", ["expectedVersion"])
    assert error["conflictVersion"] >= 1
    assert state(house) == before


def test_the_last_administrator_stays_one(house: House) -> None:
    before, id = state(house), house.user("admin")

    demoted = house.as_("admin").data(UPDATE, id=id, i={"roles": ["sales"]})
    suspended = house.as_("admin").data(SUSPEND, id=id)

    assert demoted["errors"][0]["path"] == ["roles"]
    assert "no person who can sign in" in demoted["errors"][0]["message"]
    assert suspended["errors"] == [{"code": "BAD_INPUT", "path": ["id"]}]
    assert state(house) == before
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
    before = state(house)

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
    assert state(house) == before
    assert helper.data(CREATE, i=new | place)["errors"] == []
    assert helper.data(UPDATE, id=house.user("lead"), i={"displayName": "Lin"})["errors"] == []


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


CREATE_ROLE = """
mutation($n: String!, $i: [String!]!) {
  createRole(name: $n, inherits: $i) { role { id name inherits { name } } errors { code path } }
}
"""
UPDATE_ROLE = """
mutation($id: ID!, $i: [String!]) {
  updateRole(id: $id, inherits: $i) {
    role { inherits { name } version } errors { code path message }
  }
}
"""


def test_roles_inherit(house: House) -> None:
    before = house.version()

    made = house.as_("admin").data(CREATE_ROLE, n="key_account", i=["sales"])
    changed = house.as_("admin").data(UPDATE_ROLE, id=made["role"]["id"], i=["sales", "service"])

    assert made["role"]["inherits"] == [{"name": "sales"}]
    assert changed["role"] == {"inherits": [{"name": "sales"}, {"name": "service"}], "version": 2}
    assert house.snapshot().roles["key_account"] == ("sales", "service")
    assert house.version() == before + 2


def test_refuses_wrong_roles(house: House) -> None:
    admin = house.as_("admin")
    sales = house.one("SELECT id::text FROM role WHERE name = 'sales'")
    administrator = house.one("SELECT id::text FROM role WHERE name = 'administrator'")
    before = state(house)

    circle = admin.data(UPDATE_ROLE, id=sales, i=["sales_lead"])
    itself = admin.data(UPDATE_ROLE, id=sales, i=["sales"])
    unknown = admin.data(UPDATE_ROLE, id=administrator, i=["pirate"])
    twin = admin.data(CREATE_ROLE, n="sales", i=[])
    odd = admin.data(CREATE_ROLE, n="Sales Team", i=[])

    assert "sales > sales_lead > sales" in circle["errors"][0]["message"]
    assert itself["errors"][0]["path"] == ["inherits"]
    assert unknown["errors"][0]["path"] == ["inherits"]
    assert twin["errors"] == [{"code": "CONFLICT", "path": ["name"]}]
    assert odd["errors"] == [{"code": "BAD_INPUT", "path": ["name"]}]
    assert state(house) == before


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
    before = state(house)

    assert house.as_("lead").code(f"mutation {{ {mutation} }}") == "FORBIDDEN"
    assert house.nobody().code(f"mutation {{ {mutation} }}") == "UNAUTHENTICATED"
    assert state(house) == before
