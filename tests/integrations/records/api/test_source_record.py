"""How much of a payload a reader sees."""

from __future__ import annotations

from tests.integrations.client import Client, synced
from tests.integrations.house import LOOKER, House
from tests.integrations.source import FakeSource


async def test_a_masked_payload_shows_its_shape_only(
    client: Client, house: House, source: FakeSource, source_url: str
) -> None:
    synced(house, source, source_url)
    id = house.one("SELECT id FROM source_record WHERE external_id = '1'")

    said = await client.data(
        "query ($id: ID!) { sourceRecord(id: $id) { payload { value visibility } } }",
        {"id": str(id)},
        who=LOOKER,
    )

    [told] = client.context.audit_events()
    assert (told["actor"], told["action"], told["object"]) == (str(LOOKER), "read", "SourceRecord")
    assert (told["details"]["masked"], told["details"]["rows"]) == (["SourceRecord.payload"], 1)
    payload = said["sourceRecord"]["payload"]
    assert payload["visibility"] == "MASKED"
    assert payload["value"]["name"] == "***"
