"""The service over HTTP for a test: signed in as anybody, with the test policy published."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
import redis
import requests
from joserfc import jwt
from joserfc.jwk import OKPKey
from sqlalchemy import event, text
from sqlalchemy.engine import Engine

from chassis.db import SyncDatabase
from chassis.policy import feed
from customers.app import create
from customers.settings import CustomersSettings
from tests.customers.making import STEWARD, a_policy
from tests.support.serve import served
from tests.support.waiting import PATIENCE

MASK_SECRET = "what fingerprints of the tests are keyed with"
KEY = OKPKey.generate_key("Ed25519", {"kid": "test", "use": "sig", "alg": "EdDSA"})


@dataclass
class Pool:
    """A running service and how to ask it."""

    url: str
    db: SyncDatabase
    settings: CustomersSettings
    queries: list[str]
    http: requests.Session = field(default_factory=requests.Session)

    def post(self, user: UUID | None, query: str, *, locale: str = "en", **variables: Any) -> Any:
        headers = {"accept-language": locale}
        if user is not None:
            headers["authorization"] = f"Bearer {a_token(user)}"
        body = {"query": query, "variables": variables}
        return self.http.post(f"{self.url}/graphql", json=body, headers=headers, timeout=30).json()

    def ask(self, user: UUID | None, query: str, **variables: Any) -> Any:
        """The data of an answer without errors."""
        answer = self.post(user, query, **variables)
        assert "errors" not in answer, answer
        return answer["data"]

    def code(self, user: UUID | None, query: str, **variables: Any) -> str:
        """The code of the first error."""
        answer = self.post(user, query, **variables)
        return str(answer["errors"][0]["extensions"]["code"])

    def assign(self, customer: str, owner: UUID) -> None:
        mutation = """mutation($c: ID!, $o: ID!) { assignOwner(customerId: $c, ownerId: $o) {
          errors { code } } }"""
        assert self.ask(STEWARD, mutation, c=customer, o=str(owner))["assignOwner"]["errors"] == []

    def give_all_to(self, owner: UUID) -> None:
        """Every customer becomes this person's, without a word to anybody."""
        statement = text("UPDATE customer SET owner_id = :owner")
        self.db.write(lambda s: s.execute(statement, {"owner": owner}))


def a_token(user: UUID) -> str:
    now = int(time.time())
    claims = {"iss": "huichi", "aud": "huichi", "sub": str(user), "iat": now, "exp": now + 600}
    return jwt.encode({"alg": "EdDSA", "kid": "test"}, claims, KEY, algorithms=["EdDSA"])


@pytest.fixture
def pool(db: SyncDatabase, empty_redis: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    keys = {"keys": [KEY.as_dict(private=False)]}
    monkeypatch.setattr("chassis.web._fetch_keys", lambda url: keys)
    with redis.Redis.from_url(empty_redis) as client:
        policy = a_policy()
        client.set(feed.SNAPSHOT, policy.to_json())
        client.set(feed.VERSION, policy.version)
    settings = CustomersSettings(
        database_url=db.engine.url.set(drivername="postgresql").render_as_string(False),
        redis_url=empty_redis,
        issuer_url="http://127.0.0.1:1",
        duplicate_checks_a_day=20,
        mask_secret=MASK_SECRET,
    )
    queries: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_more: object) -> None:
        if "customer" in statement:  # the relay and the health check look at other tables
            queries.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        with served(create(settings)) as url:
            _wait_until_ready(url)
            yield Pool(url, db, settings, queries)
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def _wait_until_ready(url: str) -> None:
    until = time.monotonic() + PATIENCE
    while requests.get(f"{url}/readyz", timeout=5).status_code != 200:
        assert time.monotonic() < until, "the service did not become ready"
        time.sleep(0.01)
