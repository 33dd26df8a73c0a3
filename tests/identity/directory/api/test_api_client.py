"""Keys of programs over HTTP: shown once, traded for short tokens, ended at once."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.identity.conftest import Client, House

CREATE = """
mutation($i: CreateApiClientInput!) {
  createApiClient(input: $i) {
    key apiClient { id name hint scopes user { id } createdBy { id } revokedAt }
    errors { code message path }
  }
}
"""
EXCHANGE = """
mutation($k: String!) {
  exchangeApiKey(key: $k) {
    accessToken refreshToken userId sessionId errors { code path }
  }
}
"""
REVOKE = """
mutation($id: ID!) {
  revokeApiClient(id: $id) { apiClient { id revokedAt } errors { code path } }
}
"""
LIST = """
query($u: ID, $open: Boolean!) {
  apiClients(userId: $u, openOnly: $open, first: 100) {
    edges { node { id hint lastUsedAt revokedAt } }
  }
}
"""
WHO = "{ viewer { id } }"


def wanted(house: House, **more: Any) -> dict[str, Any]:
    until = datetime.now(UTC) + timedelta(days=30)
    draft = {
        "userId": house.user("sync"),
        "name": "Nightly report",
        "scopes": ["GRAPHQL"],
        "expiresAt": until.isoformat(),
    }
    return draft | more


def made(house: House, **more: Any) -> Any:
    payload = house.as_("admin").data(CREATE, i=wanted(house, **more))
    assert payload["errors"] == []
    return payload


def test_shows_the_key_once_and_keeps_its_hash(house: House) -> None:
    payload = made(house)

    listed = house.as_("admin").data(LIST, u=house.user("sync"), open=True)
    kept = house.one(
        "SELECT digest FROM api_client WHERE id = %(id)s", id=payload["apiClient"]["id"]
    )

    assert payload["key"].startswith(payload["apiClient"]["hint"])
    assert payload["apiClient"]["user"] == {"id": house.user("sync")}
    assert payload["apiClient"]["createdBy"] == {"id": house.user("admin")}
    assert payload["key"] not in str(listed)
    assert payload["key"].encode() not in bytes(kept)


def test_trades_a_key_for_a_token_of_its_service_user(house: House) -> None:
    key = made(house)["key"]

    traded = house.nobody().data(EXCHANGE, k=key)

    assert traded["errors"] == []
    assert traded["refreshToken"] is None
    assert Client(house.url, traded["accessToken"]).data(WHO) == {"id": house.user("sync")}


def test_remembers_when_a_key_was_used(house: House) -> None:
    payload = made(house)

    house.nobody().data(EXCHANGE, k=payload["key"])

    edges = house.as_("admin").data(LIST, u=None, open=True)["edges"]
    used = {edge["node"]["id"]: edge["node"]["lastUsedAt"] for edge in edges}
    assert used[payload["apiClient"]["id"]] is not None


def test_ends_a_key_with_its_sessions(house: House) -> None:
    payload = made(house)
    session = house.nobody().data(EXCHANGE, k=payload["key"])["sessionId"]

    revoked = house.as_("admin").data(REVOKE, id=payload["apiClient"]["id"])
    again = house.as_("admin").data(REVOKE, id=payload["apiClient"]["id"])

    assert revoked["apiClient"]["revokedAt"] is not None
    assert again == revoked
    assert house.nobody().data(EXCHANGE, k=payload["key"])["errors"] == [
        {"code": "UNAUTHENTICATED", "path": ["key"]}
    ]
    ending = house.one("SELECT ending FROM session WHERE id = %(id)s", id=session)
    assert ending == "key_revoked"


def test_refuses_a_key_after_its_day(house: House) -> None:
    payload = made(house)
    house.one(
        "UPDATE api_client SET expires_at = now() WHERE id = %(id)s RETURNING 1",
        id=payload["apiClient"]["id"],
    )

    assert house.nobody().data(EXCHANGE, k=payload["key"])["accessToken"] is None


def test_gives_no_token_that_outlives_its_key(house: House) -> None:
    payload = made(house)
    house.one(
        "UPDATE api_client SET expires_at = now() + interval '2 minutes' WHERE id = %(id)s "
        "RETURNING 1",
        id=payload["apiClient"]["id"],
    )

    token = house.nobody().data(EXCHANGE, k=payload["key"])["accessToken"]

    body = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert 100 <= body["exp"] - body["iat"] <= 120


def test_refuses_a_key_for_other_doors(house: House) -> None:
    key = made(house, scopes=["SCIM"])["key"]

    refused = house.nobody().data(EXCHANGE, k=key)

    assert [error["code"] for error in refused["errors"]] == ["FORBIDDEN"]


@pytest.mark.parametrize("key", ["", "hck_", "hck_" + "x" * 43, "\u0000", "x" * 5000])
def test_refuses_what_is_no_key(house: House, key: str) -> None:
    refusals = (
        "SELECT count(*) FROM outbox WHERE body->>'action' = 'sign_in' "
        "AND body->>'decision' = 'deny' AND body->>'resource' = 'unknown'"
    )
    before = house.one(refusals)

    assert house.nobody().data(EXCHANGE, k=key)["errors"][0]["code"] == "UNAUTHENTICATED"
    assert house.one(refusals) == before + 1


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"scopes": []}, ["scopes"]),
        ({"name": " "}, ["name"]),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, ["expiresAt"]),
        ({"expiresAt": "2100-01-01T00:00:00Z"}, ["expiresAt"]),
        ({"userId": "nobody"}, ["userId"]),
    ],
)
def test_names_what_is_wrong(house: House, more: dict[str, Any], path: list[str]) -> None:
    before = house.one("SELECT count(*) FROM api_client")

    payload = house.as_("admin").data(CREATE, i=wanted(house, **more))

    assert payload["errors"][0]["path"] == path
    assert house.one("SELECT count(*) FROM api_client") == before


def test_gives_no_key_to_a_person(house: House) -> None:
    payload = house.as_("admin").data(CREATE, i=wanted(house, userId=house.user("seller")))

    assert payload["key"] is None
    assert payload["errors"][0]["path"] == ["userId"]


@pytest.mark.parametrize("username", ["seller", "auditor", "lead"])
def test_is_for_those_whom_the_policy_names(house: House, username: str) -> None:
    assert house.as_(username).code(CREATE, i=wanted(house)) == "FORBIDDEN"
    assert house.as_(username).code(LIST, u=None, open=True) == "FORBIDDEN"
