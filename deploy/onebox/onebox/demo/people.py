"""What users do with imported customers: take them over, log follow-ups, read them."""

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
FOLLOW_UPS = (
    ("CALL", "电话介绍了新一季的产品，对方有兴趣。", None),
    ("VISIT", "上门拜访，参观了车间。", "寄送样品"),
    ("WECHAT", "确认样品已收到，下周给反馈。", "跟进样品反馈"),
)


def find(graph: Graph, name: str) -> dict[str, Any] | None:
    """Return the customer of a name as the data steward sees it, `None` where there is none."""
    edges = graph.ask(FIND, STEWARD, filter={"name": name})["customers"]["edges"]
    return edges[0]["node"] if edges else None


def take_over(graph: Graph, customer: dict[str, Any]) -> None:
    """Assign the customer to the seller, unless it is already."""
    seller = graph.ask(ME, SELLER)["viewer"]["id"]
    if (customer["owner"] or {}).get("id") != seller:
        graph.done(ASSIGN, STEWARD, id=customer["id"], owner=seller, version=customer["version"])


def log_follow_ups(graph: Graph, customer_id: str) -> None:
    """Log three follow-ups; with fixed idempotency keys, a second demo logs none of them again."""
    # A fixed day, since an idempotency key belongs to one request.
    day = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
    for number, (channel, summary, next_step) in enumerate(FOLLOW_UPS):
        follow_up: dict[str, Any] = {
            "customerId": customer_id,
            "channel": channel,
            "summary": summary,
            "occurredAt": (day + timedelta(days=number)).isoformat(),
            "idempotencyKey": f"demo-{customer_id}-{number}",
        }
        if next_step:
            follow_up["nextStep"] = next_step
        until(
            lambda input=follow_up: _try_to_log(graph, input),  # type: ignore[misc]  # bound now
            seconds=15,
            event="the arrival of the new owner at the activities service",
        )


def _try_to_log(graph: Graph, input: dict[str, Any]) -> dict[str, Any] | None:
    """Return the payload, `None` while the fact of the new owner has not reached activities."""
    payload = graph.ask(FOLLOW_UP, SELLER, input=input)["logFollowUp"]
    if any(error["code"] in ("NOT_FOUND", "FORBIDDEN") for error in payload["errors"]):
        return None
    return dict(payload)


def crossing(graph: Graph, customer_id: str) -> Answer:
    """Run the query across all four services and return its answer."""
    return graph.answer(CROSSING, READER, id=customer_id)


def duplicates(graph: Graph) -> list[dict[str, Any]]:
    """Return pairs of customers that may be the same and need a decision."""
    edges = graph.ask(DUPLICATES, STEWARD)["matchCandidates"]["edges"]
    return [edge["node"] for edge in edges]
