"""What people do with the customers that flowed in: take them over, talk to them, look at them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

from onebox.demo.graph import Answer, Graph, until

STEWARD = "chen.jing"
SELLER = "li.na"
READER = "admin"
CROSSING = (files("onebox.demo") / "crossing.graphql").read_text("utf-8")

FIND = """
query Find($filter: CustomerFilter) {
  customers(filter: $filter, first: 5) { edges { node { id name version owner { id } } } }
}
"""
ME = "query Me { viewer { id displayName } }"
ASSIGN = """
mutation Assign($id: ID!, $owner: ID!, $version: Int) {
  assignOwner(customerId: $id, ownerId: $owner, expectedVersion: $version) {
    customer { id version } errors { code message }
  }
}
"""
FOLLOW_UP = """
mutation Talked($input: LogFollowUpInput!) {
  logFollowUp(input: $input) { followUp { id } errors { code message } }
}
"""
DUPLICATES = """
query Duplicates {
  matchCandidates(first: 100) {
    edges { node { score left { name } right { name } evidence { field agreement } } }
  }
}
"""
SPOKEN = (
    ("CALL", "电话介绍了新一季的产品，对方有兴趣。", None),
    ("VISIT", "上门拜访，参观了车间。", "寄送样品"),
    ("WECHAT", "确认样品已收到，下周给反馈。", "跟进样品反馈"),
)


def find(graph: Graph, name: str) -> dict[str, Any] | None:
    """The customer of a name, as the data steward sees it."""
    edges = graph.ask(FIND, STEWARD, filter={"name": name})["customers"]["edges"]
    return edges[0]["node"] if edges else None


def take_over(graph: Graph, customer: dict[str, Any]) -> None:
    """The customer becomes the seller's, if it is not yet."""
    seller = graph.ask(ME, SELLER)["viewer"]["id"]
    if (customer["owner"] or {}).get("id") != seller:
        graph.done(ASSIGN, STEWARD, id=customer["id"], owner=seller, version=customer["version"])


def talk(graph: Graph, customer_id: str) -> None:
    """Three follow-ups; the same keys, so that a second demo writes none of them again."""
    # In the morning of a fixed day: the same request for the same key.
    day = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
    for number, (channel, summary, next_step) in enumerate(SPOKEN):
        said: dict[str, Any] = {
            "customerId": customer_id,
            "channel": channel,
            "summary": summary,
            "occurredAt": (day + timedelta(days=number)).isoformat(),
            "idempotencyKey": f"demo-{customer_id}-{number}",
        }
        if next_step:
            said["nextStep"] = next_step
        until(
            lambda said=said: _logged(graph, said),  # type: ignore[misc]  # bound in this turn
            seconds=15,
            what="activities to hear of the customer's new owner",
        )


def _logged(graph: Graph, said: dict[str, Any]) -> dict[str, Any] | None:
    """Facts travel for a moment: until activities knows the owner, the customer is not there."""
    payload = graph.ask(FOLLOW_UP, SELLER, input=said)["logFollowUp"]
    if any(each["code"] in ("NOT_FOUND", "FORBIDDEN") for each in payload["errors"]):
        return None
    return dict(payload)


def crossing(graph: Graph, customer_id: str) -> Answer:
    """The one query across all four services."""
    return graph.answer(CROSSING, READER, id=customer_id)


def duplicates(graph: Graph) -> list[dict[str, Any]]:
    """Pairs that may be one customer and that a person should look at."""
    edges = graph.ask(DUPLICATES, STEWARD)["matchCandidates"]["edges"]
    return [edge["node"] for edge in edges]
