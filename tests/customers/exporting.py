"""Builds what tests of exports need: customers to export,
a worker without a broker, a way to the file."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

import requests
from redis import Redis
from sqlalchemy import text

from chassis.db import SyncDatabase
from chassis.policy import feed
from chassis.policy.rules import Snapshot
from chassis.worker import Work
from customers.exports import tasks
from customers.pool.commands.absorb import absorb
from customers.pool.domain.record import ContactRecord
from tests.customers.making import LEAD, REP, TRYTON, a_code, a_record, a_scope
from tests.customers.serving import Pool

FIELDS = """{ id version status reason purpose sensitive rowsExpected rows rowsDone
  size downloads note
  requestedBy { id } decidedBy { id } columns { name header sensitive } filter problem { code } }"""
REQUEST = (
    """mutation($columns: [String!]!, $format: SheetFormat!,
  $filter: CustomerFilter, $reason: String!, $key: String) {
  requestCustomerExport(columns: $columns, format: $format, filter: $filter, reason: $reason,
      purpose: SERVICE, idempotencyKey: $key) { errors { code path message } export """
    + FIELDS
    + "} }"
)
APPROVE = (
    "mutation($id: ID!) { approveCustomerExport(id: $id) { errors { code } export { status } } }"
)
REVOKE = (
    "mutation($id: ID!) { revokeCustomerExport(id: $id) { errors { code } export { status } } }"
)
DOWNLOAD = "mutation($id: ID!) { downloadCustomerExport(id: $id) { url errors { code message } } }"
SHOW = "query($id: ID!) { customerExport(id: $id) " + FIELDS + "}"
ALL = [
    "id",
    "name",
    "englishName",
    "unifiedSocialCreditCode",
    "phone",
    "email",
    "website",
    "address",
    "note",
    "contact.name",
    "contact.mobile",
    "contact.email",
]


def stock(db: SyncDatabase, rows: int, owner: UUID | None = REP) -> None:
    """So many customers of one owner, each with every kind of value."""
    records = [
        a_record(
            str(n),
            name=f"第{n}客户有限公司",
            english_name=f"Customer No {n} Co Ltd",
            unified_social_credit_code=a_code(n),
            phone=f"010-6{n:07d}",
            email=f"info@c{n}.example.com",
            website=f"https://www.c{n}.example.com",
            address=f"北京市 海淀区 {n} 号",
            note="=1+1" if n == 0 else f"备注 {n}",
            contacts=(
                ContactRecord("a", f"联系人{n}", "经理", f"138{n:08d}", f"p{n}@c{n}.example.com"),
            ),
        )
        for n in range(rows)
    ]
    for start in range(0, rows, 500):
        db.write(absorb, a_scope(action="absorb"), TRYTON, records[start : start + 500])
    owned = "UPDATE customer SET owner_id = :owner, department_id = :department"
    with_owner = {"owner": owner, "department": UUID(int=0xD1) if owner else None}
    db.write(lambda s: s.execute(text(owned), with_owner))


class Workshop:
    """A worker without a broker: what would be rung for is kept in a list."""

    def __init__(self, pool: Pool) -> None:
        self.settings = pool.settings
        self.work = Work.of(pool.settings, "test")
        self.bell: list[tuple[UUID, int]] = []

    def take(self) -> int:
        return tasks.take(self.work, self.settings, lambda *rung: self.bell.append(rung))

    def finish(self) -> None:
        self.take()
        while self.bell:
            tasks.run(self.work, self.settings, *self.bell.pop(0))


def asked(
    pool: Pool,
    user: UUID = REP,
    columns: list[str] | None = None,
    format: str = "CSV",
    **variables: Any,
) -> dict[str, Any]:
    """An export that waits for approval."""
    wish = {"columns": columns or ALL, "format": format, "reason": "季度回访客户名单"} | variables
    answer = pool.ask(user, REQUEST, **wish)["requestCustomerExport"]
    assert answer["errors"] == [], answer
    return dict(answer["export"])


def ready(pool: Pool, user: UUID = REP, approver: UUID = LEAD, **wish: Any) -> str:
    """The id of an export whose file is made."""
    id = str(asked(pool, user, **wish)["id"])
    assert pool.ask(approver, APPROVE, id=id)["approveCustomerExport"]["errors"] == []
    Workshop(pool).finish()
    assert shown(pool, id, user)["status"] == "READY"
    return id


def shown(pool: Pool, id: str, user: UUID = REP) -> dict[str, Any]:
    return dict(pool.ask(user, SHOW, id=id)["customerExport"])


def address(pool: Pool, id: str, user: UUID = REP) -> str:
    """A fresh address, under the port this test's server listens on."""
    answer = pool.ask(user, DOWNLOAD, id=id)["downloadCustomerExport"]
    assert answer["errors"] == [], answer
    return f"{pool.url}/exports/{answer['url'].split('/exports/')[1]}"


def fetched(pool: Pool, id: str, user: UUID = REP) -> bytes:
    answer = requests.get(address(pool, id, user), timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.content


def publish(pool: Pool, policy: Snapshot) -> None:
    """Puts another policy into force and waits until the service follows it."""
    with Redis.from_url(pool.settings.redis_url) as client:
        client.set(feed.SNAPSHOT, policy.to_json())
        client.set(feed.VERSION, policy.version)
    until = time.monotonic() + 20
    while requests.get(f"{pool.url}/readyz", timeout=5).json()["policy"] != policy.version:
        assert time.monotonic() < until, "the service does not follow the policy"
        time.sleep(0.05)
