"""Who has to look is told through the whole house, and is told no more when somebody has looked."""

from __future__ import annotations

from typing import Any

from tests.e2e.conftest import Running, wait_for

CREATE = """mutation($n: String!) {
  createCustomer(kind: ORGANIZATION, set: {name: $n}) { errors { code message } } }"""
REQUEST = """mutation { requestCustomerExport(columns: ["name"], filter: {name: "通知铃测试"},
  format: CSV, reason: "季度回访名单", purpose: SERVICE) { errors { code message }
  export { id } } }"""
REJECT = """mutation($id: ID!) { rejectCustomerExport(id: $id, note: "名单过旧") {
  errors { code message } } }"""
BELL = """query($kinds: [NotificationKind!]) {
  unreadNotifications
  notifications(kinds: $kinds, first: 50) {
    edges { node { id kind text about user { displayName } settledAt } } } }"""
REFUSED = "{ auditEvents(first: 1) { edges { node { id } } } }"
ALERT = """query { accessAlerts(filter: {statuses: [OPEN]}, first: 50) {
  edges { node { id kind user { displayName } } } } }"""
RESOLVE = """mutation($id: ID!) { resolveAlert(id: $id, note: "培训中误操作") {
  errors { code message } } }"""


def told(house: Running, who: str, kind: str, about: str) -> list[Any]:
    """Their notifications of this kind about this thing."""
    found = house.data(BELL, {"kinds": [kind]}, who=who)["notifications"]["edges"]
    return [edge["node"] for edge in found if edge["node"]["about"] == about]


def test_an_export_waits_for_its_approver_and_then_its_requester_knows(house: Running) -> None:
    assert (
        house.data(CREATE, {"n": "通知铃测试有限公司"}, who="li.na")["createCustomer"]["errors"]
        == []
    )
    id = house.data(REQUEST, who="li.na")["requestCustomerExport"]["export"]["id"]

    wait_for(lambda: told(house, "wang.lei", "EXPORT_WAITING", id), 30, every=0.2)
    [waiting] = told(house, "wang.lei", "EXPORT_WAITING", id)
    assert waiting["user"]["displayName"] == "李娜 Li Na"
    assert waiting["text"] == "An export of 1 customer waits for approval."
    assert told(house, "li.na", "EXPORT_WAITING", id) == []

    assert house.data(REJECT, {"id": id}, who="wang.lei")["rejectCustomerExport"]["errors"] == []
    wait_for(lambda: told(house, "li.na", "EXPORT_ANSWERED", id), 30, every=0.2)

    [answer] = told(house, "li.na", "EXPORT_ANSWERED", id)
    [waited] = told(house, "wang.lei", "EXPORT_WAITING", id)
    assert (answer["text"], waited["settledAt"] is not None) == ("Your export was rejected.", True)


def test_an_alert_rings_where_it_is_decided(house: Running) -> None:
    for _ in range(20):
        answer = house.ask(REFUSED, who="xu.yan")
        assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"

    def raised() -> list[str]:
        edges = house.data(ALERT, who="he.qing")["accessAlerts"]["edges"]
        return [
            edge["node"]["id"]
            for edge in edges
            if edge["node"]["kind"] == "REFUSALS"
            and edge["node"]["user"]["displayName"] == "徐妍 Xu Yan"
        ]

    wait_for(raised, 60, every=0.2)
    [id] = raised()
    wait_for(lambda: told(house, "he.qing", "ACCESS_ALERT", id), 30, every=0.2)
    assert told(house, "xu.yan", "ACCESS_ALERT", id) == []

    assert house.data(RESOLVE, {"id": id}, who="he.qing")["resolveAlert"]["errors"] == []

    def settled() -> bool:
        return told(house, "he.qing", "ACCESS_ALERT", id)[0]["settledAt"] is not None

    wait_for(settled, 30, every=0.2)
