"""A running identity with a small company in it, and people who talk to it over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
import requests

from chassis.db import SyncDatabase
from chassis.policy.rules import Snapshot
from identity.app import create
from identity.bootstrap.commands import Bootstrapped
from identity.bootstrap.domain import Company, DepartmentPlan, UserPlan
from identity.bootstrap.services import bootstrap_company
from identity.core.store import policy
from identity.people.domain.user import Kind
from identity.settings import IdentitySettings
from tests.support.serve import served
from tests.support.servers import Databases
from tests.support.waiting import PATIENCE

PASSWORD = "correct horse battery"
SERVICE_PASSWORD = "a password of the settings"
SALES, EAST, ONE = ("Sales",), ("Sales", "East"), ("Sales", "East", "One")
COMPANY = Company(
    departments=(
        DepartmentPlan(
            "Sales",
            (DepartmentPlan("East", (DepartmentPlan("One"),)), DepartmentPlan("South")),
        ),
        DepartmentPlan("Audit"),
    ),
    users=(
        UserPlan("admin", "Ada Admin", PASSWORD, ("administrator",), ("Sales",)),
        UserPlan("lead", "Lin Lead", PASSWORD, ("sales_lead",), EAST),
        UserPlan("seller", "Sun Seller", PASSWORD, ("sales",), ONE),
        UserPlan("auditor", "Ai Auditor", PASSWORD, ("auditor",), ("Audit",)),
        UserPlan("sync", "Sync", SERVICE_PASSWORD, ("sync",), (), Kind.SERVICE),
    ),
)
SIGN_IN = """
mutation($u: String!, $p: String!) {
  signIn(username: $u, password: $p) {
    accessToken refreshToken expiresAt userId sessionId errors { code message path }
  }
}
"""


@dataclass
class Client:
    """Somebody who sends GraphQL requests, signed in or not."""

    url: str
    token: str | None = None
    language: str = "en"

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The whole answer."""
        headers = {"accept-language": self.language}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        answer = requests.post(
            f"{self.url}/graphql",
            json={"query": query, "variables": variables},
            headers=headers,
            timeout=20,
        )
        body: dict[str, Any] = answer.json()
        return body

    def data(self, query: str, **variables: Any) -> Any:
        """The data of an answer without errors; of a single field, its value."""
        body = self.ask(query, **variables)
        assert "errors" not in body, body["errors"]
        data = body["data"]
        return next(iter(data.values())) if len(data) == 1 else data

    def code(self, query: str, **variables: Any) -> str:
        """The code of the error that a whole request is refused with."""
        code: str = self.ask(query, **variables)["errors"][0]["extensions"]["code"]
        return code

    def sign_in(self, username: str, password: str = PASSWORD) -> Any:
        return self.data(SIGN_IN, u=username, p=password)


@dataclass
class House:
    """A served identity and what lies behind it."""

    url: str
    settings: IdentitySettings
    db: SyncDatabase
    founded: Bootstrapped
    _clients: dict[str, Client] = field(default_factory=dict)

    def nobody(self) -> Client:
        return Client(self.url)

    def as_(self, username: str) -> Client:
        """A client who is signed in, once for the whole module."""
        if username not in self._clients:
            token = self.nobody().sign_in(username)["accessToken"]
            self._clients[username] = Client(self.url, token)
        return self._clients[username]

    def user(self, username: str) -> str:
        return str(self.founded.users[username])

    def department(self, *path: str) -> str:
        return str(self.founded.departments[path])

    def one(self, statement: str, **values: Any) -> Any:
        """The first column of the first row of a statement, straight from the database."""
        with psycopg.connect(self.settings.database_url, autocommit=True) as connection:
            row = connection.execute(statement, values).fetchone()
            return row[0] if row else None

    def version(self) -> int:
        return self.db.read(policy.version)

    def snapshot(self) -> Snapshot:
        return self.db.read(policy.snapshot)

    def follow(self) -> float:
        """Wait until the guard is at the committed version; the seconds it took."""
        started, version = time.monotonic(), self.version()
        while time.monotonic() < started + PATIENCE:
            ready = requests.get(f"{self.url}/readyz", timeout=5).json()
            if ready["policy"] == version:
                return time.monotonic() - started
            time.sleep(0.01)
        raise AssertionError("the policy did not arrive")


def settings_for(database_url: str, redis_url: str, **more: Any) -> IdentitySettings:
    """Settings of an identity that a test runs."""
    return IdentitySettings(
        database_url=database_url,
        redis_url=redis_url,
        issuer_url="http://127.0.0.1:1",
        secret="a secret of the tests, long enough",
        # Most tests sign in with the first password of users they made.
        **{"temporary_passwords": False, **more},
    )


def people_state(house: House) -> tuple[Any, ...]:
    """Everything about people that a refusal must leave as it was."""
    return (
        house.snapshot(),
        house.one("SELECT jsonb_agg(to_jsonb(u) ORDER BY id) FROM user_account u"),
        house.one("SELECT count(*) FROM department_path"),
    )


@pytest.fixture(scope="session")
def own_redis(redis_url: str) -> str:
    """A numbered database of the run's Valkey, so that no other service's policy is met."""
    return f"{redis_url.rpartition('/')[0]}/7"


@pytest.fixture(scope="module")
def house(databases: Databases, own_redis: str) -> Iterator[House]:
    """A served identity with the company in a fresh database."""
    import redis

    with redis.Redis.from_url(own_redis) as client:
        client.flushdb()
    url = databases.fresh("identity")
    settings = settings_for(url, own_redis, sign_in_attempts=5, sign_in_window_seconds=60)
    db = SyncDatabase(url, application="identity-tests")
    founded = bootstrap_company(db, COMPANY)
    with served(create(settings)) as base:
        house = House(base, settings, db, founded)
        house.follow()
        yield house
    db.close()
    databases.drop(url)
