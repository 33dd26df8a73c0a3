"""The served application: a token over HTTP, the policy from its feed, facts from their stream."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
import redis
import requests
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from activities.app import create
from activities.settings import ActivitiesSettings
from activities.tasks import tasks
from activities.tasks.commands import REMINDED_AT_ONCE
from activities.worker import register
from chassis.db import SyncDatabase
from chassis.facts.outbox import record
from chassis.facts.types import Fact
from chassis.policy import feed
from chassis.worker import Work, celery
from tests.activities.conftest import ACME, facts
from tests.activities.people import AUDITOR, LIN, SALES, policy
from tests.support.serve import served

pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")

KEY = OKPKey.generate_key("Ed25519", {"kid": "test"})
CREATE = """mutation ($input: CreateTaskInput!) {
  createTask(input: $input) { task { id } errors { code message } } }"""


def a_token(user: UUID) -> str:
    now = int(time.time())
    claims = {"iss": "huichi", "aud": "huichi", "sub": str(user), "iat": now, "exp": now + 60}
    return jwt.encode({"alg": "EdDSA", "kid": "test"}, claims, KEY, algorithms=["EdDSA"])


def issuer() -> Starlette:
    def keys(_: Request) -> JSONResponse:
        return JSONResponse(KeySet([KEY]).as_dict(private=False))

    return Starlette(routes=[Route("/.well-known/jwks.json", keys)])


@pytest.fixture
def settings(database: Callable[..., str], empty_redis: str) -> Iterator[ActivitiesSettings]:
    with served(issuer()) as issuer_url:
        yield ActivitiesSettings(
            database_url=database("activities"), redis_url=empty_redis, issuer_url=issuer_url
        )


@pytest.fixture
def address(settings: ActivitiesSettings) -> Iterator[str]:
    store = redis.Redis.from_url(settings.redis_url)
    snapshot = policy()
    store.set(feed.SNAPSHOT, snapshot.to_json())
    store.set(feed.VERSION, str(snapshot.version))
    with served(create(settings)) as url:
        until(lambda: requests.get(f"{url}/readyz", timeout=5).ok)
        yield url


def until(ready: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


def ask(url: str, query: str, user: UUID | None = LIN, **variables: Any) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {a_token(user)}"} if user else {}
    body = {"query": query, "variables": variables}
    answer = requests.post(f"{url}/graphql", json=body, headers=headers, timeout=10)
    found: dict[str, Any] = answer.json()
    return found


def customers_says(store: redis.Redis, **body: Any) -> None:
    """Put a fact on the stream of customers, as its relay does."""
    import orjson

    store.xadd(
        "facts:customers",
        {
            "id": str(UUID(int=int(time.time_ns()))),
            "name": "customers.customer.changed",
            "subject": str(ACME),
            "body": orjson.dumps(body),
            "traceparent": "",
            "at": "2026-05-04T01:30:00+00:00",
        },
    )


def test_serves_who_signed_in_once_the_fact_of_a_customer_arrived(
    settings: ActivitiesSettings, address: str
) -> None:
    asked = {"customerId": str(ACME), "title": "Call", "dueAt": "2020-01-01T00:00:00Z"}
    unknown = ask(address, CREATE, input=asked)["data"]["createTask"]
    access = {"id": str(ACME), "owner": str(LIN), "department": str(SALES), "version": 1}

    customers_says(redis.Redis.from_url(settings.redis_url), access=[access])
    until(lambda: ask(address, CREATE, input=asked)["data"]["createTask"]["task"])

    assert [e["code"] for e in unknown["errors"]] == ["NOT_FOUND"]
    forbidden = ask(address, CREATE, AUDITOR, input=asked)
    assert forbidden["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    nobody = ask(address, CREATE, None, input=asked)
    assert nobody["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


def test_hands_out_its_schema(address: str) -> None:
    sdl = ask(address, "{ _service { sdl } }", None)

    assert 'type Customer @key(fields: "id")' in sdl["data"]["_service"]["sdl"]


def test_the_worker_reminds_of_everything_that_is_due(settings: ActivitiesSettings) -> None:
    app = celery("worker", settings)
    register(app, settings)
    db = SyncDatabase(settings.database_url, application="test")
    db.write(_due_tasks, REMINDED_AT_ONCE + 1)

    app.tasks[tasks.REMIND].apply()

    due = [body for name, body in facts(db) if name == "activities.task.fell_due"]
    assert len(due) == REMINDED_AT_ONCE + 1
    assert app.conf.beat_schedule[tasks.REMIND]["schedule"] == settings.remind_every_seconds
    assert app.conf.task_routes == {"activities.*": {"queue": "activities"}}
    db.close()
    Work.of(settings, "activities").db.close()


def _due_tasks(session: Any, n: int) -> None:
    customer = "INSERT INTO customer_access (customer_id, root_id, version) VALUES (:c, :c, 1)"
    session.execute(text(customer), {"c": ACME})
    task = (
        "INSERT INTO task (customer_id, assignee_id, creator_id, title, due_at) "
        "SELECT :c, :c, :c, 'Call', now() FROM generate_series(1, :n)"
    )
    session.execute(text(task), {"c": ACME, "n": n})
    record(session, Fact("something.else", "1", {}))
