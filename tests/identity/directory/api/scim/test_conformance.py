"""The checks of an outside suite, each on the served endpoint, over HTTP."""

from __future__ import annotations

import httpx2
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

from tests.identity.conftest import House
from tests.identity.directory.api.scim.conftest import Directory


def test_passes_every_check_of_scim2_tester(house: House, directory: Directory) -> None:
    headers = {"authorization": f"Bearer {directory.key}"}
    with httpx2.Client(base_url=f"{house.url}/scim/v2", headers=headers, timeout=30) as client:
        results = check_server(SyncSCIMClient(client))

    failed = [f"{one.title}: {one.reason}" for one in results if one.status is not Status.SUCCESS]
    assert failed == []
    assert len(results) >= 135
