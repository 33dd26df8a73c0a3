"""Walk 1: one query crosses the four services with one statement each,
three of them side by side."""

from __future__ import annotations

from typing import Any

import requests

from tests.e2e.conftest import Running, wait_for

WHO = "li.na"
CREATE = """
mutation ($name: String!) {
  createCustomer(kind: ORGANIZATION, set: {name: $name}, allowDuplicate: true) {
    customer { id } errors { code message path }
  }
}
"""
LOG = """
mutation ($id: ID!) {
  logFollowUp(input: {customerId: $id, channel: CALL, summary: "谈了续约"}) {
    followUp { id } errors { code message path }
  }
}
"""
WALK = """
query Walk($id: ID!) {
  customer(id: $id) {
    name
    owner { displayName }
    timeline(first: 5) { edges { node { summary } } }
    syncState { status }
  }
}
"""
SPANS = """
SELECT service, name, start_ns, end_ns, attributes FROM span WHERE trace_id = %s ORDER BY start_ns
"""


def a_customer(house: Running, name: str) -> str:
    made = house.data(CREATE, {"name": name}, who=WHO)["createCustomer"]
    assert not made["errors"], made
    return str(made["customer"]["id"])


def logged(house: Running, id: str) -> bool:
    """Whether activities knows the customer yet; it hears of it by a fact."""
    return not house.data(LOG, {"id": id}, who=WHO)["logFollowUp"]["errors"]


def spans_of(house: Running, trace_id: str, at_least: int) -> list[dict[str, Any]]:
    names = ("service", "name", "start_ns", "end_ns", "attributes")

    def look() -> list[dict[str, Any]] | None:
        rows = house.rows("traces", SPANS, bytes.fromhex(trace_id))
        found = [dict(zip(names, row, strict=True)) for row in rows]
        return found if len(found) >= at_least else None

    found: list[dict[str, Any]] = wait_for(look, 20, every=0.2)
    return found


def test_one_query_costs_each_service_one_statement(house: Running) -> None:
    id = a_customer(house, "漫步一号测试有限公司")
    wait_for(lambda: logged(house, id))
    house.data(WALK, {"id": id}, who=WHO)  # the first one parses, plans and opens connections

    answer = house.ask(WALK, {"id": id}, who=WHO)

    assert answer["data"]["customer"] == {
        "name": "漫步一号测试有限公司",
        "owner": {"displayName": "李娜 Li Na"},
        "timeline": {"edges": [{"node": {"summary": "谈了续约"}}]},
        "syncState": {"status": "NEVER"},
    }
    # Gateway: request, execute, four fetches. Each service: one request, one statement.
    spans = spans_of(house, answer["extensions"]["traceId"], at_least=14)
    statements = [span["service"] for span in spans if span["name"].startswith("db ")]
    fetches = {
        span["name"].removeprefix("fetch "): span
        for span in spans
        if span["name"].startswith("fetch ")
    }
    assert sorted(statements) == ["activities", "customers", "identity", "integrations"]
    assert sorted(fetches) == ["activities", "customers", "identity", "integrations"]
    after = [fetches[name] for name in ("identity", "activities", "integrations")]
    assert all(fetch["start_ns"] >= fetches["customers"]["end_ns"] for fetch in after)
    assert max(f["start_ns"] for f in after) < min(f["end_ns"] for f in after), "not side by side"


def test_the_trace_of_an_answer_has_a_page(house: Running) -> None:
    answer = house.ask("{ viewer { displayName } }", who=WHO)
    spans_of(house, answer["extensions"]["traceId"], at_least=4)

    def told() -> requests.Response | None:  # each part sends its spans when it likes
        page = requests.get(answer["extensions"]["traceUrl"], timeout=10)
        assert page.status_code == 200
        return page if "identity graphql" in page.text else None

    page = wait_for(told, 20, every=0.2)
    assert "http://" not in page.text.replace(house.url("traces"), "")


def test_a_trace_holds_no_personal_data(house: Running) -> None:
    name, phone = "张三丰的秘密公司", "13912345678"
    query = """
    mutation ($name: String!, $phone: String!) {
      createCustomer(
        kind: ORGANIZATION, set: {name: $name, phone: $phone}, allowDuplicate: true
      ) { customer { id } errors { code } }
    }
    """
    answer = house.ask(query, {"name": name, "phone": phone}, who=WHO)
    assert answer["data"]["createCustomer"]["customer"], answer
    spans_of(house, answer["extensions"]["traceId"], at_least=6)

    told = house.rows(
        "traces",
        "SELECT count(*) FROM span WHERE attributes::text || events::text || message ~ %s",
        f"{name}|{phone}|{phone[:3]} ?{phone[3:7]}",
    )
    logs = "".join(path.read_text(errors="replace") for path in (house.var / "log").iterdir())

    assert told == [(0,)]
    assert name not in logs
    assert phone not in logs


def test_a_customer_out_of_scope_is_the_same_as_none_on_every_path(house: Running) -> None:
    """The row scope holds through the gateway, straight at a service, and for `_entities`."""
    id = a_customer(house, "别人看不见有限公司")
    wait_for(lambda: logged(house, id))
    entities = "query ($r: [_Any!]!) { _entities(representations: $r) { ... on Customer { %s } } }"
    asked = {"r": [{"__typename": "Customer", "id": id}]}
    stranger = "zhou.ting"

    through = house.data(WALK, {"id": id}, who=stranger)
    straight = house.data(WALK.split("owner")[0] + "} }", {"id": id}, who=stranger, at="customers")
    entity = house.data(entities % "name", asked, who=stranger, at="customers")
    past = house.data(
        entities % "timeline(first: 5) { edges { cursor } } openTasks",
        asked,
        who=stranger,
        at="activities",
    )
    nobody = house.ask(entities % "name", asked, at="customers")

    assert through == {"customer": None}
    assert straight == {"customer": None}
    assert entity == {"_entities": [None]}
    assert past == {"_entities": [{"timeline": {"edges": []}, "openTasks": 0}]}
    assert nobody["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
