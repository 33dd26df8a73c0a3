"""Install a source and change its set-up, over the schema."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integrations.client import Client, an_input
from tests.integrations.house import House
from tests.integrations.source import a_spec

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


async def test_installs_a_source_without_code_and_never_tells_its_secrets(
    client: Client, house: House, source_url: str
) -> None:
    said = await client.data(INSTALL, {"input": an_input(source_url)})

    found = said["installConnector"]["installation"]
    assert (found["system"], found["revision"], found["state"]) == ("fake-crm", 1, "ACTIVE")
    assert found["credentialNames"] == ["token"]
    assert '"t0"' not in str(said)
    assert b"t0" not in bytes(house.one("SELECT credentials FROM installation"))
    assert house.one("SELECT count(*) FROM outbox WHERE name = 'audit.event.recorded'") == 1


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
