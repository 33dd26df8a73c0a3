"""Somebody leaves or moves: counted first, then ended at once, and told to the other services."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.identity.conftest import PASSWORD, Client, House

OFF_BOARD = """
mutation($u: ID!, $h: HandoverInput!, $d: Boolean) {
  offBoardUser(userId: $u, handover: $h, dryRun: $d) {
    dryRun
    offBoarding {
      kind doneAt sessions apiClients delegations emergencyAccesses projects projectsLed
      departmentsHeaded user { status }
    }
    errors { code message path }
  }
}
"""
CHANGE_JOB = """
mutation($u: ID!, $to: ID, $h: HandoverInput!, $r: [String!], $d: Boolean) {
  changeJob(userId: $u, departmentId: $to, handover: $h, roles: $r, dryRun: $d) {
    offBoarding { kind doneAt delegations user { department { name } roles { name } } }
    errors { code path }
  }
}
"""
ME = "{ viewer { displayName } }"
POOL = {"to": "POOL"}


def a_colleague(house: House, name: str, **more: Any) -> str:
    wanted = {
        "username": name,
        "displayName": name.title(),
        "roles": ["sales"],
        "password": PASSWORD,
        "departmentId": house.department("Sales", "East"),
    } | more
    made = house.as_("admin").data(
        "mutation($i: CreateUserInput!) { "
        "createUser(input: $i) { user { id } errors { message } } }",
        i=wanted,
    )
    assert made["errors"] == []
    house.follow()
    return str(made["user"]["id"])


def busy(house: House, name: str) -> tuple[str, Client, dict[str, Any]]:
    """Somebody with a session, a delegation, a project and a department to head."""
    id = a_colleague(house, name)
    signed = house.nobody().sign_in(name)
    client = Client(house.url, signed["accessToken"])
    admin = house.as_("admin")
    assert client.data(ME)["displayName"] == name.title()
    lent = admin.data(
        "mutation($i: DelegateInput!) { delegate(input: $i) { errors { message } } }",
        i={"giverId": house.user("lead"), "takerId": id, "until": "2026-12-31T00:00:00Z"},
    )
    begun = admin.data(
        "mutation($i: CreateProjectInput!) { createProject(input: $i) { errors { message } } }",
        i={"name": f"Of {name}", "leadId": id},
    )
    headed = admin.data(
        "mutation($d: ID!, $u: ID) { setDepartmentHead(id: $d, userId: $u) "
        "{ department { head { id } } errors { message } } }",
        d=house.department("Sales", "South"),
        u=id,
    )
    assert (lent["errors"], begun["errors"], headed["errors"]) == ([], [], [])
    assert headed["department"]["head"] == {"id": id}
    return id, client, signed


def told(house: House, fact: str, id: str) -> dict[str, Any]:
    """The body of the last fact of this name about somebody."""
    body = house.one(
        "SELECT body::text FROM outbox WHERE name = %(n)s AND subject = %(s)s "
        "ORDER BY position DESC LIMIT 1",
        n=fact,
        s=id,
    )
    return dict(json.loads(body)) if body else {}


def test_a_dry_run_counts_and_changes_nothing(house: House) -> None:
    id, client, _ = busy(house, "leaving.one")
    before = house.snapshot()

    seen = house.as_("admin").data(OFF_BOARD, u=id, h=POOL)

    assert seen["dryRun"]
    assert seen["offBoarding"] == {
        "kind": "LEAVES",
        "doneAt": None,
        "sessions": 1,
        "apiClients": 0,
        "delegations": 1,
        "emergencyAccesses": 0,
        "projects": 1,
        "projectsLed": 1,
        "departmentsHeaded": 1,
        "user": {"status": "ACTIVE"},
    }
    assert house.snapshot() == before
    assert told(house, "identity.user.off_boarded", id) == {}
    assert client.data(ME)["displayName"] == "Leaving.One"


def test_everything_ends_with_the_next_request(house: House) -> None:
    id, client, signed = busy(house, "leaving.two")
    plan = {
        "to": "DEPARTMENT_HEAD",
        "departments": [
            {
                "departmentId": house.department("Audit"),
                "to": "PERSON",
                "userId": house.user("lead"),
            }
        ],
    }
    admin = house.as_("admin")
    admin.data(
        "mutation($d: ID!, $u: ID) { setDepartmentHead(id: $d, userId: $u) { errors { code } } }",
        d=house.department("Sales"),
        u=house.user("lead"),
    )

    done = admin.data(OFF_BOARD, u=id, h=plan, d=False)
    house.follow()

    assert done["errors"] == []
    assert done["offBoarding"]["doneAt"] is not None
    assert done["offBoarding"]["user"] == {"status": "SUSPENDED"}
    assert client.code(ME) == "UNAUTHENTICATED"
    assert house.nobody().sign_in("leaving.two")["accessToken"] is None
    refused = house.nobody().data(
        "mutation($t: String!) { refresh(refreshToken: $t) { errors { code } } }",
        t=signed["refreshToken"],
    )
    assert refused["errors"] != []
    body = told(house, "identity.user.off_boarded", id)
    assert (body["user"], body["by"]) == (id, house.user("admin"))
    assert body["plan"] == {
        "otherwise": ["department_head", None],
        "departments": {house.department("Audit"): ["person", house.user("lead")]},
        "heads": {house.department("Sales"): house.user("lead")},
    }
    again = admin.data(OFF_BOARD, u=id, h=POOL, d=False)
    assert again["errors"] == []
    assert again["offBoarding"]["sessions"] == again["offBoarding"]["delegations"] == 0
    looked = admin.data(
        "query($u: ID!) { offBoarding(userId: $u) { kind sessions user { displayName } } }", u=id
    )
    assert looked["kind"] == "LEAVES"


def test_keys_of_a_program_end_with_it(house: House) -> None:
    id = a_colleague(house, "robot", kind="SERVICE")
    admin = house.as_("admin")
    key = admin.data(
        "mutation($i: CreateApiClientInput!) { "
        "createApiClient(input: $i) { key errors { message } } }",
        i={
            "userId": id,
            "name": "nightly",
            "scopes": ["GRAPHQL"],
            "expiresAt": "2027-01-01T00:00:00Z",
        },
    )
    assert key["errors"] == []

    done = admin.data(OFF_BOARD, u=id, h=POOL, d=False)

    assert done["offBoarding"]["apiClients"] == 1
    still = "SELECT count(*) FROM api_client WHERE user_id = %(id)s AND revoked_at IS NULL"
    assert house.one(still, id=id) == 0


@pytest.mark.parametrize(
    ("plan", "path"),
    [
        ({"to": "KEEP"}, ["handover"]),
        ({"to": "PERSON"}, ["handover"]),
        ({"to": "POOL", "userId": "lead"}, ["handover"]),
        ({"to": "PERSON", "userId": "seller"}, ["handover"]),
        ({"to": "PERSON", "userId": "sync"}, ["handover"]),
        (
            {"to": "POOL", "departments": [{"departmentId": str(uuid4()), "to": "POOL"}]},
            ["handover"],
        ),
    ],
)
def test_refuses_a_wrong_plan_also_in_a_dry_run(
    house: House, plan: dict[str, Any], path: list[str]
) -> None:
    before = house.version()
    if "userId" in plan:
        plan = plan | {"userId": house.user(plan["userId"])}

    codes = [
        house.as_("admin").data(OFF_BOARD, u=house.user("seller"), h=plan, d=dry)["errors"][0]
        for dry in (True, False)
    ]

    assert [(one["code"], one["path"]) for one in codes] == [("BAD_INPUT", path)] * 2
    assert house.version() == before


def test_nobody_off_boards_themselves_or_without_the_right(house: House) -> None:
    admin = house.as_("admin")

    mine = admin.data(OFF_BOARD, u=house.user("admin"), h=POOL, d=False)

    assert mine["errors"][0]["path"] == ["userId"]
    assert house.as_("lead").code(OFF_BOARD, u=house.user("seller"), h=POOL) == "FORBIDDEN"


def test_a_change_of_job_moves_and_hands_over_in_one(house: House) -> None:
    id, client, _ = busy(house, "moving.one")
    admin, audit = house.as_("admin"), house.department("Audit")

    seen = admin.data(CHANGE_JOB, u=id, to=audit, h={"to": "KEEP"}, r=["service"])
    done = admin.data(CHANGE_JOB, u=id, to=audit, h={"to": "KEEP"}, r=["service"], d=False)
    twice = admin.data(CHANGE_JOB, u=id, to=audit, h={"to": "KEEP"}, d=False)

    assert (seen["offBoarding"]["doneAt"], seen["offBoarding"]["delegations"]) == (None, 1)
    assert done["offBoarding"]["user"] == {
        "department": {"name": "Audit"},
        "roles": [{"name": "service"}],
    }
    assert client.data(ME)["displayName"] == "Moving.One"
    body = told(house, "identity.user.transferred", id)
    assert (body["plan"]["from"], body["plan"]["into"]) == (
        house.department("Sales", "East"),
        audit,
    )
    assert twice["errors"] == [{"code": "BAD_INPUT", "path": ["departmentId"]}]
