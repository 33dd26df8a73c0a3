"""Who leaves hands over what they had: counted by every service first, then done,
seen through the gateway."""

from __future__ import annotations

from typing import Any

from tests.e2e.conftest import Running, wait_for

ADD = """mutation ($d: ID!) { createUser(input: {
  username: "leaver", displayName: "Leaver", roles: ["sales"], departmentId: $d }) {
  user { id } errors { code message } } }"""
VIEWER = "{ viewer { id department { id } } }"
CREATE = """mutation ($name: String!, $owner: ID!) {
  createCustomer(kind: ORGANIZATION, set: { name: $name }, ownerId: $owner) {
    customer { id } errors { code message } } }"""
OFF_BOARD = """mutation ($u: ID!, $to: ID!, $dry: Boolean!) {
  offBoardUser(userId: $u, handover: { to: PERSON, userId: $to }, dryRun: $dry) {
    dryRun offBoarding { ownedCustomers openTasks } errors { code message } } }"""
OWNER = "query ($id: ID!) { customer(id: $id) { owner { id } } }"


def test_what_somebody_had_is_counted_and_then_handed_over(house: Running) -> None:
    heir = house.data(VIEWER, who="li.na")["viewer"]
    added = house.data(ADD, {"d": heir["department"]["id"]}, who="admin")["createUser"]
    assert added["errors"] == []
    leaver = added["user"]["id"]

    def created(name: str) -> Any:
        asked = {"name": name, "owner": leaver}
        return house.data(CREATE, asked, who="admin")["createCustomer"]["customer"]

    def off_board(dry: bool) -> Any:
        asked = {"u": leaver, "to": heir["id"], "dry": dry}
        return house.data(OFF_BOARD, asked, who="admin")["offBoardUser"]

    first = wait_for(lambda: created("温州甲贸易有限公司"))["id"]  # customers hears of the leaver
    second = created("温州乙贸易有限公司")["id"]

    looked = off_board(dry=True)
    assert looked["errors"] == []
    assert looked["offBoarding"] == {"ownedCustomers": 2, "openTasks": 0}
    done = off_board(dry=False)

    assert (done["dryRun"], done["errors"]) == (False, [])
    for id in (first, second):
        wait_for(
            lambda: (
                house.data(OWNER, {"id": id}, who="admin")["customer"]["owner"]["id"] == heir["id"]  # noqa: B023 — now
            ),
            60,
        )
