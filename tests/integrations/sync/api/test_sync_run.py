"""Start a run and watch it, over the schema."""

from __future__ import annotations

from uuid import UUID

from tests.integrations.client import Client
from tests.integrations.house import ENGINEER, House
from tests.integrations.source import FakeSource, a_spec

START = """
mutation ($id: ID!, $key: String) {
  startSync(installationId: $id, idempotencyKey: $key) {
    run { id status traceId traceUrl mode requestedBy { id } } errors { code message }
  }
}
"""


async def test_a_run_is_started_once_and_watched(
    client: Client, house: House, source: FakeSource, source_url: str
) -> None:
    source.fill(30)
    id = house.install("rest", {"spec": a_spec(source_url)}, {"token": "t0"})

    first = (await client.data(START, {"id": str(id), "key": "k"}))["startSync"]["run"]
    again = (await client.data(START, {"id": str(id), "key": "k"}))["startSync"]["run"]
    second = (await client.data(START, {"id": str(id)}))["startSync"]["errors"]
    house.finish(UUID(first["id"]))
    seen = await client.data(
        "query ($id: ID!) { syncRun(id: $id) { status counters { fetched created } reason { code }"
        " pages { number fetched delivered } installation { latestRun { id } } } }",
        {"id": first["id"]},
    )

    assert first["id"] == again["id"]
    assert (first["status"], first["requestedBy"]) == ("QUEUED", {"id": str(ENGINEER)})
    assert second[0]["code"] == "CONFLICT"
    assert seen["syncRun"] == {
        "status": "SUCCEEDED",
        "counters": {"fetched": 30, "created": 30},
        "reason": None,
        "pages": [{"number": 1, "fetched": 30, "delivered": 30}],
        "installation": {"latestRun": {"id": first["id"]}},
    }
