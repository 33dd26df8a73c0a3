"""Measures pages of a million customers: under each row scope, in each order, without policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from benchmarks.access.company import PEOPLE, department, person, tree
from benchmarks.access.figures import Figure, percentile, timed
from chassis.actor import Actor
from chassis.api.paging import Window
from chassis.db import SyncDatabase
from chassis.policy.guard import Guard
from chassis.policy.rules import Member, Rule, Snapshot, subtree
from chassis.policy.scope import Scope
from customers.pool.store import customer_search as store
from customers.pool.store.customer_search import SORTS, Search
from tests.support.servers import Databases, postgres_server

PAGE, BAR_MS, BAR_TIMES = 50, 20.0, 2.0
LARGE = 2
"""The number of a division with a fifth of all customers: a subtree of 200,000 of a million."""
INSERT_CUSTOMERS = """
INSERT INTO customer (id, kind, name, name_key, name_grams, phone, email, region, industry,
    owner_id, department_id, collaborators, created_at, updated_at)
SELECT uuidv7(), 'ORGANIZATION', '公司' || n, 'gongsi' || lpad((n * 7919 % :count)::text, 8, '0'),
    ARRAY['公司', left(n::text, 2), right(n::text, 2)], '+86138' || lpad(n::text, 8, '0'),
    'office' || n || '@firm.example', 'r' || n % 31, 'i' || n % 20,
    CASE WHEN n % 10 = 0 THEN NULL
         ELSE (CAST(:people AS uuid[]))[(1 + (n * 31 + n / 5000) % :persons)::int] END,
    CASE WHEN n % 10 = 0 THEN NULL
         ELSE (CAST(:departments AS uuid[]))[(1 + (n * 17 + n / 1386) % :places)::int] END,
    CASE WHEN n % 50 = 0
         THEN ARRAY[(CAST(:people AS uuid[]))[(1 + (n / 50 * 13) % :persons)::int]] ELSE '{}' END,
    now() - interval '3 years' + n * interval '90 seconds',
    now() - ((n * 48271 % :count)::int) * interval '60 seconds'
FROM generate_series(CAST(1 AS bigint), :count) AS n
"""


def measure(count: int, rounds: int) -> list[Figure]:
    """Return the figures of pages, on a new PostgreSQL server with default settings."""
    with postgres_server() as server:
        databases = Databases(server)
        db = SyncDatabase(databases.fresh("customers"), application="benchmark")
        try:
            fill(db, count)
            return list(_pages(db, rounds))
        finally:
            db.close()


def fill(db: SyncDatabase, count: int) -> None:
    """Insert customers, spread over people and departments; every tenth has no owner."""
    departments = list(tree())
    arguments = {
        "count": count,
        "people": [person(n) for n in range(PEOPLE)],
        "persons": PEOPLE,
        "departments": departments,
        "places": len(departments),
    }

    def write(session: Session) -> None:
        session.execute(text("SET LOCAL statement_timeout = 0; SET LOCAL work_mem = '256MB'"))
        session.execute(text("DROP INDEX customer_by_gram, customer_by_collaborator"))
        session.execute(text(INSERT_CUSTOMERS), arguments)
        session.execute(text("CREATE INDEX customer_by_gram ON customer USING gin (name_grams)"))
        session.execute(
            text("CREATE INDEX customer_by_collaborator ON customer USING gin (collaborators)")
        )

    db.write(write)
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("VACUUM ANALYZE customer"))


def scopes() -> Iterator[tuple[str, Scope]]:
    """Yield the scope of one reader of each kind, with its name."""
    home = subtree(Snapshot(1, (), departments=tree()), department(LARGE))
    leaf = max(home, key=lambda id: id.int)
    readers: dict[str, tuple[str, UUID]] = {
        "all": ("all", department(0)),
        "own": ("own", leaf),
        "department": ("department", leaf),
        "subtree of a fifth": ("subtree", department(LARGE)),
        "subtree of a twentieth": ("subtree", department(6)),
        "pool": ("pool", leaf),
        "collaborating": ("collaborating", leaf),
        "own, shared and unowned (sales)": ("own+collaborating+pool", leaf),
        "own, shared and the subtree": ("own+collaborating+subtree", department(6)),
    }
    for name, (rows, home_department) in readers.items():
        guard = Guard(clock=lambda: 0.0)  # this policy is never confirmed
        rule = Rule("role:reader", "Customer", "read", rows)
        member = Member(home_department, ("reader",))
        guard.swap(Snapshot(1, (rule,), {}, {person(7): member}, tree()))
        yield name, guard.allow(Actor(person(7)), "Customer", "read")


def _pages(db: SyncDatabase, rounds: int) -> Iterator[Figure]:
    """Yield the figures of each page.

    Every page alternates with one of a reader who sees all rows, so that the load of the machine is
    the same for both.
    """
    (_, everything), *narrower = scopes()
    for sort in SORTS:
        for deep in (False, True):
            read_all = _reader(db, everything, sort, deep)
            for name, scope in narrower:
                read = _reader(db, scope, sort, deep)
                pairs = [
                    (timed(read_all, 1)[0] * 1e3, timed(read, 1)[0] * 1e3)
                    for _ in range(rounds + 5)
                ]
                scoped_times, unscoped_times = (
                    [scoped for _, scoped in pairs[5:]],
                    [all for all, _ in pairs[5:]],
                )
                name_of_page = f"{sort.lower()}, {'page 20' if deep else 'first page'}, {name}"
                median, median_unscoped = (
                    percentile(scoped_times, 0.5),
                    percentile(unscoped_times, 0.5),
                )
                slow = f"({percentile(unscoped_times, 0.95):.1f} ms without)"
                yield Figure(
                    f"{name_of_page}: p95", percentile(scoped_times, 0.95), "ms", BAR_MS, slow
                )
                remark = f"({median:.2f} ms, {median_unscoped:.2f} ms)"
                times = median / median_unscoped
                yield Figure(f"{name_of_page}: against no policy", times, "×", BAR_TIMES, remark)
    for name, scope in scopes():
        counted = timed(partial(db.read, store.count, scope, Search()), rounds, warm=2)
        yield Figure(f"capped count, {name}: p95", percentile(counted, 0.95) * 1e3, "ms")


def _reader(db: SyncDatabase, scope: Scope, sort: str, deep: bool) -> Callable[[], object]:
    window = Window(PAGE, _cursor_of_page_20(db, scope, sort) if deep else None)
    return lambda: db.read(store.list_page, scope, Search(), sort, window)


def _cursor_of_page_20(db: SyncDatabase, scope: Scope, sort: str) -> str | None:
    """Return the cursor after 19 pages, or after the last page."""
    cursor = None
    for _ in range(19):
        page = db.read(store.list_page, scope, Search(), sort, Window(PAGE, cursor))
        if not page.has_next:
            break
        cursor = page.cursors[-1]
    return cursor
