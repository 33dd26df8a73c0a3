"""Preview a source and test its connection, over the schema."""

from __future__ import annotations

from tests.integrations.client import Client, an_input
from tests.integrations.house import House
from tests.integrations.pool import FakePool
from tests.integrations.source import FakeSource, a_row, a_spec

PREVIEW = """
query ($input: TryInstallationInput!) {
  previewInstallation(input: $input, sampleSize: 10) {
    ok reason { code message fix } calls total
    rows { externalId wouldBe raw { value visibility } mapped { value } reason { code message } }
  }
}
"""
TEST = """
mutation ($input: TryInstallationInput!) {
  testInstallation(input: $input) { ok reason { code fix } recordsSeen calls errors { code path } }
}
"""


async def test_a_preview_says_what_would_become_of_each_record_and_writes_nothing(
    client: Client, house: House, source: FakeSource, source_url: str, pool: FakePool
) -> None:
    source.rows = [a_row(1), a_row(2, name=None), a_row(3, name="poison")]
    given = {key: value for key, value in an_input(source_url).items() if key != "name"}

    said = (await client.data(PREVIEW, {"input": given}))["previewInstallation"]

    assert (said["ok"], said["calls"], said["total"]) == (True, 1, 3)
    rows = [
        (row["externalId"], row["wouldBe"], (row["reason"] or {}).get("code"))
        for row in said["rows"]
    ]
    assert rows == [
        ("1", "CREATED", None),
        (None, None, "MISSING_FIELD"),
        ("3", "REJECTED", "BAD_INPUT"),
    ]
    assert said["rows"][0]["raw"]["value"] == source.rows[0]
    assert said["rows"][0]["mapped"]["value"]["fields"]["name"] == "示例1号贸易有限公司"
    assert pool.customers == {}
    assert house.one("SELECT count(*) FROM source_record") == 0


async def test_a_connection_test_gives_the_reason_and_the_fix(
    client: Client, source: FakeSource, source_url: str
) -> None:
    source.fill(3)
    good = {"connectorId": "rest", "configuration": {"spec": a_spec(source_url)}}

    well = await client.data(TEST, {"input": good | {"credentials": {"token": "t0"}}})
    ill = await client.data(TEST, {"input": good | {"credentials": {"token": "wrong"}}})

    assert well["testInstallation"] == {
        "ok": True,
        "reason": None,
        "recordsSeen": 3,
        "calls": 1,
        "errors": [],
    }
    assert ill["testInstallation"]["ok"] is False
    assert ill["testInstallation"]["reason"]["code"] == "SIGN_IN_REFUSED"
    assert "credentials" in ill["testInstallation"]["reason"]["fix"]


async def test_stored_secrets_are_not_sent_to_another_address(
    client: Client, house: House, source_url: str
) -> None:
    id = house.install("rest", {"spec": a_spec(source_url)}, {"token": "t0"})
    elsewhere = {
        "installationId": str(id),
        "configuration": {"spec": a_spec("http://thief.example")},
    }

    said = await client.data(TEST, {"input": elsewhere})

    assert said["testInstallation"]["errors"] == [
        {"code": "BAD_INPUT", "path": ["input", "credentials"]}
    ]
