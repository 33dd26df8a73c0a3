"""First pages of 50 of a million customers: under each row scope, in each order, and without any policy."""

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
from chassis.policy.guard import Guard, Scope
from chassis.policy.rules import Member, Rule, Snapshot, subtree
from customers.pool.store import customer_search as store
from customers.pool.store.customer_search import SORTS, Search
from tests.support.servers import Databases, postgres_server

PAGE, BAR_MS, BAR_TIMES = 50, 20.0, 2.0
LARGE = 2
"""The second division has a fifth of all customers: a subtree of 200,000 of a million."""
MANY = """
INSERT INTO customer (id, kind, name, name_key, name_grams, phone, email, region, industry,
    owner_id, department_id, collaborators, created_at, updated_at)
SELECT uuidv7(), 'ORGANIZATION', '公司' || n, 'gongsi' || lpad((n * 7919 % :count)::text, 8, '0'),
    ARRAY['公司', left(n::text, 2), right(n::text, 2)], '+86138' || lpad(n::text, 8, '0'),
    'office' || n || '@firm.example', 'r' || n % 31, 'i' || n % 20,
    CASE WHEN n % 10 = 0 THEN NULL ELSE (CAST(:people AS uuid[]))[(1 + (n * 31 + n / 5000) % :persons)::int] END,
    CASE WHEN n % 10 = 0 THEN NULL ELSE (CAST(:departments AS uuid[]))[(1 + (n * 17 + n / 1386) % :places)::int] END,
    CASE WHEN n % 50 = 0
         THEN ARRAY[(CAST(:people AS uuid[]))[(1 + (n / 50 * 13) % :persons)::int]] ELSE '{}' END,
    now() - interval '3 years' + n * interval '90 seconds',
    now() - ((n * 48271 % :count)::int) * interval '60 seconds'
FROM generate_series(CAST(1 AS bigint), :count) AS n
"""


def measure(count: int, rounds: int) -> list[Figure]:
    """On a server of its own, with the settings it comes with."""
    with postgres_server() as server:
        databases = Databases(server)
        db = SyncDatabase(databases.fresh("customers"), application="benchmark")
        try:
            fill(db, count)
            return list(_pages(db, rounds))
        finally:
            db.close()


def fill(db: SyncDatabase, count: int) -> None:
    """The customers, spread over people and departments; every tenth is nobody's."""
    places = list(tree())
    arguments = {
        "count": count,
        "people": [person(n) for n in range(PEOPLE)],
        "persons": PEOPLE,
        "departments": places,
        "places": len(places),
    }

    def write(session: Session) -> None:
        session.execute(text("SET LOCAL statement_timeout = 0; SET LOCAL work_mem = '256MB'"))
        session.execute(text("DROP INDEX customer_by_gram, customer_by_collaborator"))
        session.execute(text(MANY), arguments)
        session.execute(text("CREATE INDEX customer_by_gram ON customer USING gin (name_grams)"))
        session.execute(
            text("CREATE INDEX customer_by_collaborator ON customer USING gin (collaborators)")
        )

    db.write(write)
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("VACUUM ANALYZE customer"))


def scopes() -> Iterator[tuple[str, Scope]]:
    """One reader of each kind."""
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
    for name, (rows, place) in readers.items():
        guard = Guard(clock=lambda: 0.0)  # nobody confirms this policy meanwhile
        rule = Rule("role:reader", "Customer", "read", rows)
        member = Member(place, ("reader",))
        guard.swap(Snapshot(1, (rule,), {}, {person(7): member}, tree()))
        yield name, guard.allow(Actor(person(7)), "Customer", "read")


def _pages(db: SyncDatabase, rounds: int) -> Iterator[Figure]:
    """Each page in turn with the one of somebody who sees all, so that both have the same weather."""
    (_, everything), *narrower = scopes()
    for sort in SORTS:
        for deep in (False, True):
            free = _reader(db, everything, sort, deep)
            for name, scope in narrower:
                read = _reader(db, scope, sort, deep)
                pairs = [
                    (timed(free, 1)[0] * 1e3, timed(read, 1)[0] * 1e3) for _ in range(rounds + 5)
                ]
                ours, theirs = [scoped for _, scoped in pairs[5:]], [all for all, _ in pairs[5:]]
                where = f"{sort.lower()}, {'page 20' if deep else 'first page'}, {name}"
                middle, without = percentile(ours, 0.5), percentile(theirs, 0.5)
                slow = f"({percentile(theirs, 0.95):.1f} ms without)"
                yield Figure(f"{where}: p95", percentile(ours, 0.95), "ms", BAR_MS, slow)
                remark = f"({middle:.2f} ms, {without:.2f} ms)"
                times = middle / without
                yield Figure(f"{where}: against no policy", times, "×", BAR_TIMES, remark)
    for name, scope in scopes():
        counted = timed(partial(db.read, store.count, scope, Search()), rounds, warm=2)
        yield Figure(f"capped count, {name}: p95", percentile(counted, 0.95) * 1e3, "ms")


def _reader(db: SyncDatabase, scope: Scope, sort: str, deep: bool) -> Callable[[], object]:
    window = Window(PAGE, _far(db, scope, sort) if deep else None)
    return lambda: db.read(store.list_page, scope, Search(), sort, window)


def _far(db: SyncDatabase, scope: Scope, sort: str) -> str | None:
    """The cursor behind 19 pages, or behind the last one there is."""
    cursor = None
    for _ in range(19):
        found = db.read(store.list_page, scope, Search(), sort, Window(PAGE, cursor))
        if not found.has_next:
            break
        cursor = found.cursors[-1]
    return cursor
