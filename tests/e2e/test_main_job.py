"""The main job on real input: what `make demo` tells comes true,
on a house and an ERP of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from onebox.demo import story, tryton
from onebox.demo.graph import Graph
from tests.e2e.conftest import Running
from tests.e2e.test_walk_1_query import spans_of

PARTIES = 120


@pytest.fixture(scope="module")
def told(house: Running) -> Iterator[story.StoryResult]:
    graph = Graph(house.url(), house.secrets["company_password"])
    lines: list[str] = []
    with tryton.running(house.var / "tryton", say=lines.append) as erp:
        yield story.run(graph, erp, house.var / "demo", parties=PARTIES, say=lines.append)


def outcomes(counters: dict[str, Any]) -> dict[str, int]:
    names = ("created", "updated", "unchanged", "matched", "rejected", "deadLettered")
    return {name: counters[name] for name in names if counters.get(name)}


def test_every_party_of_the_erp_is_a_customer(told: story.StoryResult, house: Running) -> None:
    assert told.first["status"] == "SUCCEEDED"
    assert told.first["counters"]["fetched"] == PARTIES
    assert outcomes(told.first["counters"]) == {"created": PARTIES}
    links = "SELECT count(*), count(DISTINCT customer_id) FROM link WHERE system = 'tryton'"
    assert house.rows("customers", links) == [(PARTIES, PARTIES)]


def test_the_spreadsheet_finds_the_same_companies_and_its_wrong_rows_are_told(
    told: story.StoryResult,
) -> None:
    imported = told.imported

    # Rows that share a strong key are joined; those that share but a name wait for a person.
    assert imported["matched"] + imported["ambiguous"] == story.IN_BOTH
    assert 0 < imported["ambiguous"] < imported["matched"]
    assert (imported["created"], imported["rejected"]) == (story.ONLY_IN_SHEET, 2)
    assert told.duplicates
    wrong = [edge["node"] for edge in imported["errors"]["edges"]]
    assert all(each["rowNumber"] and each["message"] for each in wrong)


def test_one_query_crosses_all_four_services(told: story.StoryResult, house: Running) -> None:
    customer = told.answer.data["customer"]

    assert customer["owner"]["department"]["name"]
    assert customer["contacts"]["edges"]
    assert customer["tags"]
    assert len(customer["provenance"]) > 1
    assert customer["timeline"]["edges"]
    assert customer["syncState"]["status"] == "SYNCED"
    assert customer["sourceRecords"]["edges"]
    assert told.answer.trace_id
    spans = spans_of(house, told.answer.trace_id, at_least=12)
    assert {span["service"] for span in spans} >= {
        "gateway",
        "identity",
        "customers",
        "activities",
        "integrations",
    }


def test_a_second_sync_changes_nothing(told: story.StoryResult) -> None:
    assert outcomes(told.second["counters"]) == {"unchanged": PARTIES}


def test_an_edit_in_the_erp_arrives_as_an_update_of_one_field(
    told: story.StoryResult, house: Running
) -> None:
    assert told.edit["counters"]["updated"] == 1
    changed = house.rows(
        "customers",
        "SELECT c.field FROM claim c JOIN link l ON l.id = c.link_id"
        " WHERE l.system = 'tryton' AND c.recorded_at >= %s",
        told.edit["queuedAt"],
    )
    assert changed == [("phone",)]
