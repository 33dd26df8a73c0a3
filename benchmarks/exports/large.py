"""Measures a large export on a new PostgreSQL server: its time, and the memory it adds."""

from __future__ import annotations

import resource
import sys
import time
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.actor import Actor
from chassis.db import SyncDatabase
from chassis.policy.guard import Guard
from chassis.policy.rules import Member, Rule, Snapshot
from customers.exports.commands import file as files
from customers.exports.commands.request import ExportRequest, request
from customers.exports.store import customer_export as store, lease
from customers.pool.store.customer_search import Search
from customers.settings import CustomersSettings
from tests.support.servers import Databases, postgres_server

USER = UUID(int=0xA0)
COLUMNS = ["id", "name", "englishName", "phone", "email", "website", "address", "contact.mobile"]
FILL = """
INSERT INTO customer
  (kind, name, english_name, phone, email, website, address, name_key, name_grams)
SELECT 'ORGANIZATION', '第' || n || '客户有限公司', 'Customer No ' || n,
  '+86138' || lpad(n::text, 8, '0'), 'info@c' || n || '.example.com',
  'https://www.c' || n || '.example.com', '北京市 海淀区 ' || n || ' 号',
  '第' || n || '客户有限公司', '{}' FROM generate_series(1, :rows) n
"""


def large(rows: int) -> None:
    """Print the figures of both formats for so many customers."""
    with postgres_server() as server:
        db = SyncDatabase(Databases(server).fresh("customers"), application="bench")
        db.write(lambda s: s.execute(text(FILL), {"rows": rows}))
        print(f"\n{rows:,} customers, {len(COLUMNS)} columns")
        for format in ("CSV", "XLSX"):
            measure(db, rows, format)
        db.close()


def measure(db: SyncDatabase, rows: int, format: str) -> None:
    """Print the figures of one export."""
    settings = CustomersSettings(
        database_url="", redis_url="", issuer_url="", export_max_rows=rows, export_quota_rows=10**9
    )
    guard = Guard(clock=lambda: 0.0)
    rights = [("Customer", "read"), ("Customer", "export"), ("Contact", "read")]
    rights += [(c, "read") for c in ("Contact.mobile", "Contact.email")]
    rules = tuple(Rule("role:x", *right) for right in rights)
    guard.swap(Snapshot(1, rules, users={USER: Member(None, ("x",))}))
    actor = Actor(USER)
    permissions = guard.permissions(actor)
    wish = ExportRequest(Search(), COLUMNS, format, "benchmark", "OTHER")
    id = db.write(request, permissions, actor, wish, settings)
    db.write(lease.queue, id, None, None)
    [row] = db.write(lease.take_due, 600, 1)
    before, started = memory(), time.perf_counter()

    def make(session: Session) -> bool:
        with files.write_file(session, permissions, row, rows, lambda _: True) as file:
            return db.write(files.store_file, row.id, row.fence, file, permissions)

    assert db.read(make)
    seconds = time.perf_counter() - started
    finished = db.read(store.by_id, id)
    assert finished is not None
    size = (finished.size or 0) / 1e6
    print(
        f"  {format}: {seconds:.1f} s, {size:.1f} MB, {memory() - before:.0f} MB more at its peak"
    )


def memory() -> float:
    """Return the peak memory of this process in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)
