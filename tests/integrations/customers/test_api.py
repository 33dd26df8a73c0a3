"""The sync state and the source records of a customer, over the schema."""

from __future__ import annotations

from tests.integrations.client import Client, refs, synced
from tests.integrations.house import LIN, House
from tests.integrations.source import FakeSource

OF_CUSTOMER = """
query ($ids: [_Any!]!) {
  _entities(representations: $ids) {
    ... on Customer {
      id
      syncState { status lastSyncedAt pendingDeadLetters
        installations { name system status records lastSyncedAt } }
      sourceRecords(first: 5) { edges { node { id externalId system outcome
        payload { value visibility } } } }
    }
  }
}
"""


async def test_a_customer_shows_its_records_and_state_in_one_query_each(
    client: Client, house: House, source: FakeSource, source_url: str
) -> None:
    mine, theirs = synced(house, source, source_url)

    said = await client.data(OF_CUSTOMER, {"ids": refs(mine, theirs)})

    found = said["_entities"][0]
    assert found["syncState"]["status"] == "SYNCED"
    assert found["syncState"]["installations"][0]["records"] == 1
    assert found["sourceRecords"]["edges"][0]["node"]["payload"]["value"]["id"] == 1
    selects = [each for each in client.statements if each.startswith("SELECT")]
    assert len([each for each in selects if "FROM source_record" in each]) == 3


async def test_a_reader_sees_the_records_of_customers_in_reach_only(
    client: Client, house: House, source: FakeSource, source_url: str
) -> None:
    mine, theirs = synced(house, source, source_url)

    said = (await client.data(OF_CUSTOMER, {"ids": refs(mine, theirs)}, who=LIN))["_entities"]

    assert len(said[0]["sourceRecords"]["edges"]) == 1
    node = said[0]["sourceRecords"]["edges"][0]["node"]
    assert node["payload"] == {"value": None, "visibility": "HIDDEN"}
    assert said[1]["syncState"] == {
        "status": "NEVER",
        "lastSyncedAt": None,
        "pendingDeadLetters": 0,
        "installations": [],
    }
    assert said[1]["sourceRecords"]["edges"] == []
