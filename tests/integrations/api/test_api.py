"""Integrations as its clients see it: over the schema, under a policy, with real stores behind."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest

from chassis.actor import Actor
from chassis.api.context import Context
from chassis.api.schema import Api
from chassis.db import Database
from chassis.facts.stream import Received
from integrations import facts
from integrations.core.api.loaders import Loaders
from integrations.schema import schema
from integrations.sync.services import surroundings as made
from tests.integrations.house import ENGINEER, LIN, LOOKER, SALES, STRANGER, WANG, House, a_guard
from tests.integrations.pool import FakePool
from tests.integrations.source import FakeSource, a_row, a_spec

INSTALL = """
mutation ($input: InstallConnectorInput!) {
  installConnector(input: $input) {
    installation { id name system revision state credentialNames configuration connector { id } }
    errors { code message path conflictVersion }
  }
}
"""
UPDATE = """
mutation ($input: UpdateInstallationInput!) {
  updateInstallation(input: $input) {
    installation { revision name credentialNames revisions { revision name credentialsChanged } }
    errors { code message path conflictVersion }
  }
}
"""
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
START = """
mutation ($id: ID!, $key: String) {
  startSync(installationId: $id, idempotencyKey: $key) {
    run { id status traceId traceUrl mode requestedBy { id } } errors { code message }
  }
}
"""
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


class Client:
    """Asks the schema as one person."""

    def __init__(self, house: House, db: Database, asked: list[str]) -> None:
        self._house = house
        self._db = db
        self._api = Api(schema)
        self.statements = asked

    async def ask(
        self, text: str, variables: dict[str, Any] | None = None, who: UUID = ENGINEER, **more: Any
    ) -> dict[str, Any]:
        context: Context[Loaders] = Context(
            db=self._db,
            guard=a_guard(),
            actor=Actor(who, locale=more.get("locale", "en")),
            locale=more.get("locale", "en"),
            runtime=SimpleNamespace(settings=self._house.around.settings),
        )
        context.loaders = Loaders(context)
        self.context = context
        self.statements.clear()
        return await self._api.answer(text, variables, None, context)

    async def data(self, text: str, variables: dict[str, Any] | None = None, **more: Any) -> Any:
        answer = await self.ask(text, variables, **more)
        assert "errors" not in answer, answer
        return answer["data"]


@pytest.fixture
async def client(house: House, url: str) -> Any:
    from sqlalchemy import event

    db = Database(url, application="test")
    asked: list[str] = []

    @event.listens_for(db.engine.sync_engine, "before_cursor_execute")
    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        asked.append(statement)

    yield Client(house, db, asked)
    await db.close()


@pytest.fixture(autouse=True)
def same_surroundings(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service uses what the test's house uses."""
    monkeypatch.setattr(made, "_made", {})
    monkeypatch.setattr("integrations.sync.api.preview.surroundings", lambda _: house.around)


def an_input(source_url: str, **more: Any) -> dict[str, Any]:
    return {
        "connectorId": "rest",
        "name": "CRM",
        "configuration": {"spec": a_spec(source_url)},
        "credentials": {"token": "t0"},
    } | more


async def test_installs_a_source_without_code_and_never_tells_its_secrets(
    client: Client, house: House, source_url: str
) -> None:
    said = await client.data(INSTALL, {"input": an_input(source_url)})

    found = said["installConnector"]["installation"]
    assert (found["system"], found["revision"], found["state"]) == ("fake-crm", 1, "ACTIVE")
    assert found["credentialNames"] == ["token"]
    assert '"t0"' not in str(said)
    assert b"t0" not in bytes(house.one("SELECT credentials FROM installation"))
    assert house.one("SELECT count(*) FROM outbox WHERE name = 'audit.recorded'") == 1


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        ({"connectorId": "nothing"}, ["connectorId"], "spreadsheet, tryton"),
        ({"name": " "}, ["name"], "1 to 100"),
        ({"intervalSeconds": 1}, ["intervalSeconds"], "10 to"),
        ({"credentials": {}}, ["credentials", "token"], "token"),
        ({"credentials": {"token": 5}}, ["credentials", "token"], "of type string"),
        ({"configuration": {}}, ["configuration", "spec"], "missing"),
    ],
)
async def test_a_wrong_input_is_named_and_nothing_is_written(
    client: Client,
    house: House,
    source_url: str,
    changes: dict[str, Any],
    path: list[str],
    words: str,
) -> None:
    said = await client.data(INSTALL, {"input": an_input(source_url, **changes)})

    (error,) = said["installConnector"]["errors"]
    assert (error["code"], error["path"]) == ("BAD_INPUT", path)
    assert words in error["message"]
    assert house.one("SELECT count(*) FROM installation") == 0


async def test_a_spec_without_success_when_is_refused_in_both_languages(
    client: Client, house: House, source_url: str
) -> None:
    spec = a_spec(source_url)
    del spec["envelope"]["success_when"]
    wrong = {"input": an_input(source_url, configuration={"spec": spec})}

    english = await client.data(INSTALL, wrong)
    chinese = await client.data(INSTALL, wrong, locale="zh")

    (error,) = english["installConnector"]["errors"]
    assert error["path"] == ["configuration", "spec", "envelope", "success_when"]
    assert "required because many sources report failure with status 200" in error["message"]
    assert "缺少必填内容" in chinese["installConnector"]["errors"][0]["message"]
    assert house.one("SELECT count(*) FROM installation") == 0


async def test_the_same_key_installs_once(client: Client, house: House, source_url: str) -> None:
    first = await client.data(INSTALL, {"input": an_input(source_url, idempotencyKey="k")})
    again = await client.data(INSTALL, {"input": an_input(source_url, idempotencyKey="k")})

    assert first == again
    assert house.one("SELECT count(*) FROM installation") == 1


async def test_an_update_keeps_revisions_and_refuses_an_old_one(
    client: Client, house: House, source_url: str
) -> None:
    made_ = await client.data(INSTALL, {"input": an_input(source_url)})
    id = made_["installConnector"]["installation"]["id"]

    done = await client.data(UPDATE, {"input": {"id": id, "expectedRevision": 1, "name": "New"}})
    late = await client.data(UPDATE, {"input": {"id": id, "expectedRevision": 1, "name": "Late"}})

    assert done["updateInstallation"]["installation"] == {
        "revision": 2,
        "name": "New",
        "credentialNames": ["token"],
        "revisions": [
            {"revision": 2, "name": "New", "credentialsChanged": False},
            {"revision": 1, "name": "CRM", "credentialsChanged": True},
        ],
    }
    (error,) = late["updateInstallation"]["errors"]
    assert (error["code"], error["conflictVersion"]) == ("CONFLICT", 2)
    assert house.one("SELECT name FROM installation") == "New"


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


async def test_nobody_without_the_right_gets_anything(client: Client) -> None:
    for text in ("{ connectors { id } }", "{ deadLetters { edges { cursor } } }"):
        answer = await client.ask(text, who=STRANGER)

        assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        assert not answer.get("data")


async def test_links_follow_a_merge_and_go_home_after_it_is_undone(
    house: House, source: FakeSource, source_url: str
) -> None:
    mine, theirs = synced(house, source, source_url)
    merge = str(uuid4())
    body = {"survivor": str(mine), "absorbed": [str(theirs)], "merge": merge, "access": []}

    for _ in range(2):
        house.db.write(facts.customers_merged, a_fact("customers.merged", body))
    together = house.one("SELECT count(*) FROM source_record WHERE customer_id = :id", id=mine)
    undone = {"survivor": str(mine), "restored": [str(theirs)], "merge": merge, "access": []}
    for _ in range(2):
        house.db.write(facts.customers_unmerged, a_fact("customers.unmerged", undone))

    assert together == 2
    assert house.one("SELECT count(*) FROM source_record WHERE customer_id = :id", id=theirs) == 1


async def test_an_older_fact_about_access_changes_nothing(house: House) -> None:
    id = str(uuid4())
    newer: dict[str, Any] = {
        "id": id,
        "owner": str(LIN),
        "department": None,
        "collaborators": [],
        "version": 5,
    }

    house.db.write(facts.customers_changed, a_fact("customers.changed", {"access": [newer]}))
    older = newer | {"owner": str(WANG), "version": 4}
    house.db.write(facts.customers_changed, a_fact("customers.changed", {"access": [older]}))

    assert house.one("SELECT owner_id FROM customer_access") == LIN


def synced(house: House, source: FakeSource, source_url: str) -> tuple[UUID, UUID]:
    """Two customers from one source: the first is Lin's, the second Wang's."""
    source.fill(2)
    house.sync(house.install("rest", {"spec": a_spec(source_url)}, {"token": "t0"}))
    rows = house.all("SELECT customer_id FROM source_record ORDER BY external_id")
    ids = [row.customer_id for row in rows]
    access = [
        {"id": str(id), "owner": str(owner), "department": str(SALES), "version": 1}
        for id, owner in zip(ids, (LIN, WANG), strict=True)
    ]
    house.db.write(facts.customers_changed, a_fact("customers.changed", {"access": access}))
    return ids[0], ids[1]


def refs(*ids: UUID) -> list[dict[str, str]]:
    return [{"__typename": "Customer", "id": str(id)} for id in ids]


def a_fact(name: str, body: dict[str, Any]) -> Received:
    from datetime import UTC, datetime

    return Received(uuid4(), name, "", body, "customers", datetime.now(UTC))
