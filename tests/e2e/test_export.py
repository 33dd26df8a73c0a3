"""A file leaves through the whole house: asked for, approved, made by the worker, fetched once, and
named by a piece of it that turns up elsewhere."""

from __future__ import annotations

import csv
import io

import requests

from tests.e2e.conftest import Running, wait_for

NAMES = [f"出口贸易第{n}有限公司" for n in range(15)]
CREATE = """mutation($n: String!, $p: String!) {
  createCustomer(kind: ORGANIZATION, set: {name: $n, phone: $p}) { errors { code message } } }"""
REQUEST = """mutation {
  requestCustomerExport(columns: ["name", "phone"], filter: {name: "出口贸易第"},
  format: CSV, reason: "季度回访名单", purpose: SERVICE) { errors { code message }
  export { id status } } }"""
APPROVE = """mutation($id: ID!) { approveCustomerExport(id: $id, note: "可以") {
  errors { code message } } }"""
STATUS = "query($id: ID!) { customerExport(id: $id) { status rows } }"
DOWNLOAD = (
    """mutation($id: ID!) { downloadCustomerExport(id: $id) { url errors { code message } } }"""
)
IDENTIFY = """mutation($t: String!) { identifyLeak(text: $t) { errors { code } finding {
  named { falseAlarm export { id requestedBy { displayName } } } } } }"""
TOLD = """query($o: String!) { auditEvents(filter: {object: $o}, first: 50) {
  edges { node { action resource purpose } } } }"""


def test_an_export_goes_through_the_house_and_a_piece_of_it_names_it(house: Running) -> None:
    for number, name in enumerate(NAMES):
        made = house.data(CREATE, {"n": name, "p": f"1380000{number:04d}"}, who="li.na")
        assert made["createCustomer"]["errors"] == []
    asked = house.data(REQUEST, who="li.na")["requestCustomerExport"]
    assert asked["errors"] == []
    id = asked["export"]["id"]

    approved = house.data(APPROVE, {"id": id}, who="wang.lei")["approveCustomerExport"]
    assert approved["errors"] == []

    def ready() -> bool:
        found = house.data(STATUS, {"id": id}, who="li.na")["customerExport"]
        return bool(found["status"] == "READY" and found["rows"] == len(NAMES))

    wait_for(ready, 60, every=0.2)
    url = house.data(DOWNLOAD, {"id": id}, who="li.na")["downloadCustomerExport"]["url"]
    file = requests.get(url, timeout=20)
    assert (file.status_code, requests.get(url, timeout=20).status_code) == (200, 410)
    rows = list(csv.reader(io.StringIO(file.content.decode("utf-8-sig"))))[1:]
    piece = "\n".join(phone for _, phone in rows[::-1])
    [named] = house.data(IDENTIFY, {"t": piece}, who="he.qing")["identifyLeak"]["finding"]["named"]
    assert (named["export"]["id"], named["falseAlarm"] <= 1e-6) == (id, True)
    assert named["export"]["requestedBy"]["displayName"] == "李娜 Li Na"

    def told() -> bool:
        edges = house.data(TOLD, {"o": "Customer"}, who="he.qing")["auditEvents"]["edges"]
        events = [edge["node"] for edge in edges]
        return {"action": "export", "resource": f"export:{id}", "purpose": "SERVICE"} in events

    wait_for(told, 30, every=0.2)
