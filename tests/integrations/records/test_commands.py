"""Links of source records through a merge and back."""

from __future__ import annotations

from uuid import uuid4

from integrations import facts
from tests.integrations.client import a_fact, synced
from tests.integrations.house import House
from tests.integrations.source import FakeSource


async def test_links_follow_a_merge_and_go_home_after_it_is_undone(
    house: House, source: FakeSource, source_url: str
) -> None:
    mine, theirs = synced(house, source, source_url)
    merge = str(uuid4())
    body = {"survivor": str(mine), "absorbed": [str(theirs)], "merge": merge, "access": []}

    for _ in range(2):
        house.db.write(facts.customers_merged, a_fact("customers.customer.merged", body))
    together = house.one("SELECT count(*) FROM source_record WHERE customer_id = :id", id=mine)
    undone = {"survivor": str(mine), "restored": [str(theirs)], "merge": merge, "access": []}
    for _ in range(2):
        house.db.write(facts.customers_unmerged, a_fact("customers.customer.unmerged", undone))

    assert together == 2
    assert house.one("SELECT count(*) FROM source_record WHERE customer_id = :id", id=theirs) == 1
