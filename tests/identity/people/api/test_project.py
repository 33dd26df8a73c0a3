"""Projects: who begins one, who is on it and until when, and what the policy makes of that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.identity.conftest import House

CREATE = """
mutation($i: CreateProjectInput!, $k: String) {
  createProject(input: $i, idempotencyKey: $k) {
    project { id name version lead { displayName }
      members { edges { node { until user { id } } } } }
    errors { code message path }
  }
}
"""
UPDATE = """
mutation($id: ID!, $i: UpdateProjectInput!, $v: Int) {
  updateProject(id: $id, input: $i, expectedVersion: $v) {
    project { name version endsAt } errors { code path }
  }
}
"""
ADD = """
mutation($id: ID!, $u: [ID!]!, $t: DateTime) {
  addProjectMembers(id: $id, userIds: $u, until: $t) { project { id } errors { code path } }
}
"""
REMOVE = """
mutation($id: ID!, $u: [ID!]!) {
  removeProjectMembers(id: $id, userIds: $u) { project { id } errors { code path } }
}
"""
END = "mutation($id: ID!) { endProject(id: $id) { project { endsAt } errors { code } } }"


def begun(house: House, who: str, name: str, **more: Any) -> str:
    made = house.as_(who).data(CREATE, i={"name": name} | more)
    assert made["errors"] == []
    return str(made["project"]["id"])


def projects_of(house: House, who: str) -> dict[UUID, float]:
    return dict(house.snapshot().users[UUID(house.user(who))].projects)


def test_begins_a_project_once_with_its_lead_on_it(house: House) -> None:
    wanted = {"name": " 北辰计划 ", "leadId": house.user("seller")}

    first = house.as_("admin").data(CREATE, i=wanted, k="p1")
    again = house.as_("admin").data(CREATE, i=wanted, k="p1")

    assert first["errors"] == []
    assert again == first
    assert first["project"]["name"] == "北辰计划"
    members = first["project"]["members"]["edges"]
    assert members == [{"node": {"until": None, "user": {"id": house.user("seller")}}}]
    assert UUID(first["project"]["id"]) in projects_of(house, "seller")


def test_members_come_and_go_with_the_policy_s_version(house: House) -> None:
    id, until = begun(house, "admin", "Comings"), datetime.now(UTC) + timedelta(days=3)
    before = house.version()

    house.as_("admin").data(ADD, id=id, u=[house.user("seller")], t=until.isoformat())
    house.as_("admin").data(ADD, id=id, u=[house.user("seller")], t=until.isoformat())
    on = projects_of(house, "seller")[UUID(id)]
    house.as_("admin").data(REMOVE, id=id, u=[house.user("seller"), str(uuid4())])

    assert on == pytest.approx(until.timestamp(), abs=0.001)
    assert UUID(id) not in projects_of(house, "seller")
    assert house.version() == before + 2


def test_nobody_reaches_anything_by_a_project_that_ended(house: House) -> None:
    ends = datetime.now(UTC) + timedelta(days=2)
    id = begun(house, "admin", "Endings", endsAt=ends.isoformat())
    house.as_("admin").data(ADD, id=id, u=[house.user("seller")])
    on = projects_of(house, "seller")[UUID(id)]

    house.as_("admin").data(END, id=id)
    house.as_("admin").data(END, id=id)

    assert on == pytest.approx(ends.timestamp(), abs=0.001)
    assert UUID(id) not in projects_of(house, "seller")


def test_a_lead_changes_their_own_projects_only(house: House) -> None:
    theirs, mine = begun(house, "admin", "Of the admin"), begun(house, "lead", "Of the lead")
    lead, before = house.as_("lead"), house.version()
    seller = [house.user("seller")]

    codes = [
        lead.data(ADD, id=theirs, u=seller)["errors"][0]["code"],
        lead.data(UPDATE, id=theirs, i={"name": "Taken"})["errors"][0]["code"],
        lead.data(CREATE, i={"name": "X", "leadId": seller[0]})["errors"][0]["code"],
    ]

    assert codes == ["NOT_FOUND", "NOT_FOUND", "FORBIDDEN"]
    assert house.version() == before
    assert lead.data(ADD, id=mine, u=seller)["errors"] == []
    assert house.as_("seller").code(CREATE, i={"name": "Y"}) == "FORBIDDEN"


@pytest.mark.parametrize(
    ("wrong", "code", "path"),
    [
        ({"name": ""}, "BAD_INPUT", ["name"]),
        ({"name": "Twin"}, "CONFLICT", ["name"]),
        ({"leadId": str(uuid4())}, "BAD_INPUT", ["leadId"]),
        ({"endsAt": "2020-01-01T00:00:00Z"}, "BAD_INPUT", ["endsAt"]),
    ],
)
def test_refuses_a_wrong_project(
    house: House, wrong: dict[str, Any], code: str, path: list[str]
) -> None:
    house.as_("admin").data(CREATE, i={"name": "Twin"})
    before = house.one("SELECT count(*) FROM project")

    refused = house.as_("admin").data(CREATE, i={"name": "Wrong"} | wrong)

    assert (refused["errors"][0]["code"], refused["errors"][0]["path"]) == (code, path)
    assert house.one("SELECT count(*) FROM project") == before


def test_lists_and_changes_projects(house: House) -> None:
    id = begun(house, "admin", "Listed 项目")
    house.as_("admin").data(ADD, id=id, u=[house.user("auditor")])

    renamed = house.as_("admin").data(UPDATE, id=id, i={"name": "Renamed 项目"}, v=1)
    stale = house.as_("admin").data(UPDATE, id=id, i={"name": "Again"}, v=1)
    found = house.as_("seller").data(
        "query($f: ProjectFilter) { projects(filter: $f) { edges { node { name } } } }",
        f={"memberId": house.user("auditor"), "openOnly": True, "search": "项目"},
    )

    assert renamed["project"] == {"name": "Renamed 项目", "version": 2, "endsAt": None}
    assert stale["errors"][0]["code"] == "CONFLICT"
    assert found["edges"] == [{"node": {"name": "Renamed 项目"}}]
