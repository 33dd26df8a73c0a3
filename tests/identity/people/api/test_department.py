"""Departments: reading them, changing them, and what the policy makes of it."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from tests.identity.conftest import House, people_state

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
    before = people_state(house)

    refused = house.as_("admin").data(
        MOVE, id=house.department("Sales"), p=house.department(*parent)
    )

    assert (refused["errors"][0]["code"], refused["errors"][0]["path"]) == (
        "BAD_INPUT",
        ["parentId"],
    )
    assert people_state(house) == before


def test_refuses_wrong_departments(house: House) -> None:
    before = people_state(house)
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
    assert people_state(house) == before


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
