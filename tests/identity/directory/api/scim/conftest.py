"""A directory with a key of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from tests.identity.conftest import House

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
CREATE_USER = """
mutation($i: CreateUserInput!) { createUser(input: $i) { user { id } errors { message } } }
"""
CREATE_KEY = """
mutation($i: CreateApiClientInput!) {
  createApiClient(input: $i) { key apiClient { id } errors { message } }
}
"""


@dataclass
class Directory:
    """A client that speaks SCIM."""

    url: str
    key: str
    headers: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """Send a request; header names with `_` for `-`."""
        given = {"authorization": f"Bearer {self.key}", "content-type": "application/scim+json"}
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.request(
            method, f"{self.url}/scim/v2{path}", json=body, headers=given | more, timeout=20
        )

    def person(self, username: str, **more: Any) -> Any:
        """A new person."""
        body = {"schemas": [USER, ENTERPRISE], "userName": username, **more}
        answer = self.call("POST", "/Users", body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def group(self, name: str, *members: str) -> Any:
        """A new group."""
        body = {
            "schemas": [GROUP],
            "displayName": name,
            "members": [{"value": member} for member in members],
        }
        answer = self.call("POST", "/Groups", body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def patch(self, path: str, *operations: dict[str, Any], **headers: str) -> requests.Response:
        body = {"schemas": [PATCH], "Operations": list(operations)}
        return self.call("PATCH", path, body, **headers)


def key_for(house: House, username: str, role: str, *scopes: str) -> str:
    """A key of a new service user in this role."""
    wanted = {"username": username, "displayName": username, "kind": "SERVICE", "roles": [role]}
    made = house.as_("admin").data(CREATE_USER, i=wanted)
    assert made["errors"] == []
    house.follow()
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    draft = {"userId": made["user"]["id"], "name": username, "scopes": scopes, "expiresAt": until}
    payload = house.as_("admin").data(CREATE_KEY, i=draft)
    assert payload["errors"] == []
    return str(payload["key"])


@pytest.fixture(scope="module")
def directory(house: House) -> Directory:
    """A directory with the starter role for it."""
    return Directory(house.url, key_for(house, "directory", "provisioner", "SCIM"))
