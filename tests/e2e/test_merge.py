"""A merge is a redirect in every service, and taking it back loses nothing that came in between."""

from __future__ import annotations

from tests.e2e.conftest import Running, wait_for

CREATE = """mutation ($name: String!) {
  createCustomer(kind: ORGANIZATION, set: { name: $name }, allowDuplicate: true) {
    customer { id } errors { code message } } }"""
LOG = """mutation ($input: LogFollowUpInput!) {
  logFollowUp(input: $input) { followUp { id } errors { code message } } }"""
MERGE = """mutation ($ids: [ID!]!, $survivor: ID!) {
  mergeCustomers(ids: $ids, survivorId: $survivor, dryRun: false) {
    merge { id } errors { code message } } }"""
UNMERGE = """mutation ($merge: ID!) {
  unmerge(mergeId: $merge, dryRun: false) { merge { id } errors { code message } } }"""
TIMELINE = """query ($id: ID!) { customer(id: $id) {
  id name timeline(first: 20) { edges { node { summary customer { id name } } } } } }"""


def create(house: Running, who: str, name: str) -> str:
    made = house.data(CREATE, {"name": name}, who=who)["createCustomer"]
    assert made["errors"] == []
    return str(made["customer"]["id"])


def log(house: Running, who: str, customer: str, summary: str) -> None:
    """Write a follow-up down, as soon as activities knows of the customer."""
    asked = {"input": {"customerId": customer, "channel": "CALL", "summary": summary}}
    wait_for(lambda: house.data(LOG, asked, who=who)["logFollowUp"]["errors"] == [])


def past(house: Running, who: str, customer: str) -> list[str] | None:
    found = house.data(TIMELINE, {"id": customer}, who=who)["customer"]
    return found and [edge["node"]["summary"] for edge in found["timeline"]["edges"]]


def test_two_pasts_become_one_and_come_apart_again(house: Running) -> None:
    east, west = (
        create(house, "li.na", "宁波甲贸易有限公司"),
        create(house, "zhao.min", "宁波乙贸易有限公司"),
    )
    log(house, "li.na", east, "of the first")
    log(house, "zhao.min", west, "of the second")

    merged = house.data(MERGE, {"ids": [east, west], "survivor": west}, who="chen.jing")
    assert merged["mergeCustomers"]["errors"] == []
    both = ["of the second", "of the first"]
    wait_for(lambda: past(house, "zhao.min", west) == both)
    assert past(house, "zhao.min", east) == both  # the old id leads there too
    assert past(house, "li.na", east) is None  # its owner did not own the survivor
    log(house, "zhao.min", east, "in between, by the old id")
    log(house, "zhao.min", west, "in between, by the new id")

    merge = merged["mergeCustomers"]["merge"]["id"]
    undone = house.data(UNMERGE, {"merge": merge}, who="chen.jing")["unmerge"]

    assert undone["errors"] == []
    wait_for(lambda: past(house, "li.na", east) is not None)
    wait_for(lambda: past(house, "li.na", east) == ["in between, by the old id", "of the first"])
    assert past(house, "zhao.min", west) == ["in between, by the new id", "of the second"]
