"""The small house these tests play in: an engineer, a policy, and installations in a database."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import redis
from sqlalchemy import text

from chassis.actor import Actor
from chassis.db import SyncDatabase
from chassis.policy.guard import Guard
from chassis.policy.rules import Member, Rule, Snapshot
from chassis.policy.scope import Scope
from integrations.connectors import installed
from integrations.core.domain.seal import seal
from integrations.delivery.services import HttpDelivery
from integrations.installations import commands
from integrations.installations.commands import SetUp
from integrations.settings import IntegrationsSettings
from integrations.sync.commands import sync_run as runs
from integrations.sync.domain import SyncMode
from integrations.sync.services.engine import advance
from integrations.sync.services.runtime import SyncRuntime
from integrations.sync.store import SyncRunRow, read

HEAD_OFFICE, SALES = UUID(int=0xD0), UUID(int=0xD1)
ENGINEER, LIN, WANG, LOOKER, STRANGER = (UUID(int=0xA0 + each) for each in range(5))
KEY = base64.b64encode(bytes(range(32))).decode()
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

_ENGINEER = (
    ("Installation", ("read", "create", "update")),
    ("SyncRun", ("read", "start")),
    ("SourceRecord", ("read",)),
    ("SourceRecord.payload", ("read",)),
    ("DeadLetter", ("read", "retry")),
    ("Customer", ("read",)),
)


def policy() -> Snapshot:
    """The engineer may do everything here; sales sees its own customers; the looker sees shapes."""
    rules = [Rule("role:engineer", object, action) for object, acts in _ENGINEER for action in acts]
    rules += [Rule("role:sales", each, "read", "own") for each in ("Customer", "SourceRecord")]
    rules += [
        Rule("role:looker", "SourceRecord", "read"),
        Rule("role:looker", "SourceRecord.payload", "read", "all", "mask:full"),
    ]
    people = {ENGINEER: "engineer", LIN: "sales", WANG: "sales", LOOKER: "looker"}
    users = {id: Member(SALES, (role,)) for id, role in people.items()}
    users[STRANGER] = Member(SALES, ())
    return Snapshot(1, tuple(rules), {}, users, {HEAD_OFFICE: None, SALES: HEAD_OFFICE})


def a_guard() -> Guard:
    guard = Guard()
    guard.swap(policy())
    return guard


def scope(object: str, action: str = "read", user: UUID = ENGINEER) -> Scope:
    return a_guard().allow(Actor(user), object, action)


def settings(database_url: str, redis_url: str, pool_url: str, **more: Any) -> IntegrationsSettings:
    values: dict[str, Any] = {
        "database_url": database_url,
        "redis_url": redis_url,
        "issuer_url": pool_url,
        "customers_url": pool_url,
        "service_username": "sync",
        "service_password": "service-pass",
        "credential_key": KEY,
        "allow_private_hosts": True,
        "lease_seconds": 3.0,
    }
    return IntegrationsSettings(**(values | more))


@dataclass
class House:
    """One engine with its database; says what a test wants to know about it."""

    runtime: SyncRuntime

    @property
    def db(self) -> SyncDatabase:
        return self.runtime.db

    def install(
        self,
        connector: str,
        configuration: Mapping[str, Any],
        credentials: Mapping[str, str] | None = None,
        **more: Any,
    ) -> UUID:
        opened = installed()[connector].open(configuration)
        values: dict[str, Any] = {
            "name": f"{connector} source",
            "connector": connector,
            "system": opened.spec.id,
            "configuration": configuration,
            "credentials": credentials or {},
            "interval_seconds": None,
            "priority": 100,
        }
        set_up = SetUp(**(values | more))
        proof = scope("Installation", "create")
        return self.db.write(commands.install, proof, self.runtime.seal, set_up)

    def start(self, installation: UUID, mode: SyncMode = SyncMode.INCREMENTAL) -> UUID:
        return self.db.write(runs.start, scope("SyncRun", "start"), installation, mode, TRACE)

    def sync(self, installation: UUID, mode: SyncMode = SyncMode.INCREMENTAL) -> SyncRunRow:
        """One run from its start to its end."""
        run = self.start(installation, mode)
        return self.finish(run)

    def finish(self, run: UUID) -> SyncRunRow:
        while advance(self.runtime, run):
            pass
        return self.run(run)

    def run(self, id: UUID) -> SyncRunRow:
        found = self.db.read(read, id)
        assert found is not None
        return found

    def wake(self, run: UUID) -> None:
        """The time a run was laid aside for is over."""
        statement = text("UPDATE sync_run SET not_before = NULL WHERE id = :id")
        self.db.write(lambda s: s.execute(statement, {"id": run}))

    def all(self, statement: str, **values: Any) -> list[Any]:
        return list(self.db.read(lambda s: s.execute(text(statement), values).all()))

    def one(self, statement: str, **values: Any) -> Any:
        (row,) = self.all(statement, **values)
        return row[0]


@contextmanager
def a_house(found: IntegrationsSettings) -> Iterator[House]:
    db = SyncDatabase(found.database_url, application="test")
    server = redis.Redis.from_url(found.redis_url)
    delivery = HttpDelivery(
        found.customers_url,
        found.sign_in_url,
        found.service_username,
        found.service_password,
        secret=found.actor_secret,
        timeout=5.0,
    )
    try:
        yield House(SyncRuntime(found, db, server, delivery, seal(found.credential_key), "test"))
    finally:
        db.close()
        server.close()
