"""Measures departments that move, people who leave, and projects, beside many customers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from types import SimpleNamespace
from typing import cast
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from benchmarks.access.company import department, person, tree
from benchmarks.access.figures import Figure, percentile, timed
from benchmarks.access.pages import PAGE, fill
from chassis.actor import Actor
from chassis.api.paging import Window
from chassis.db import SyncDatabase
from chassis.policy.guard import Guard
from chassis.policy.rules import Member, Rule, Snapshot
from chassis.policy.scope import Scope
from chassis.worker import Work
from customers.handover import commands as handover
from customers.handover.tasks import hand_over
from customers.pool.store import customer_search as store
from customers.pool.store.customer_search import Search
from identity.core.domain.ids import DepartmentId
from identity.people.commands.department import move_department
from tests.support.servers import Databases, postgres_server

MOVES, BAR_MS, OURS = 40, 50.0, UUID(int=0xE << 64)
CLOSURE = """
WITH RECURSIVE up(ancestor_id, descendant_id, depth) AS (
  SELECT id, id, 0 FROM department
  UNION ALL
  SELECT d.parent_id, up.descendant_id, up.depth + 1
  FROM up JOIN department d ON d.id = up.ancestor_id WHERE d.parent_id IS NOT NULL
)
INSERT INTO department_path (ancestor_id, descendant_id, depth) SELECT * FROM up
"""


def measure(customers: int, handed: int, rounds: int) -> list[Figure]:
    """Return the figures, on a new PostgreSQL server with default settings."""
    with postgres_server() as server:
        databases = Databases(server)
        identity = SyncDatabase(databases.fresh("identity"), application="benchmark")
        pool = SyncDatabase(databases.fresh("customers"), application="benchmark")
        try:
            fill(pool, customers)
            return [*_moves(identity), *_project(pool, rounds), *_handover(pool, handed)]
        finally:
            identity.close()
            pool.close()


def _scope(object: str, action: str, rows: str = "all") -> Scope:
    guard = Guard(clock=lambda: 0.0)  # this policy is never confirmed
    member = Member(department(0), ("reader",), projects=((OURS, time.time() + 1e6),))
    rule = Rule("role:reader", object, action, rows)
    guard.swap(Snapshot(1, (rule,), {}, {person(7): member}, tree()))
    return guard.allow(Actor(person(7)), object, action)


def _moves(db: SyncDatabase) -> Iterator[Figure]:
    """Move a division with a fifth of the company to and fro.

    No customer row changes: rows name their department, and only the tree holds what is above it.
    """
    home, away = DepartmentId(department(0)), DepartmentId(department(2))
    moved = DepartmentId(department(1))

    def insert_departments(session: Session) -> None:
        rows = [{"id": id, "name": str(id), "parent": parent} for id, parent in tree().items()]
        session.execute(
            text("INSERT INTO department (id, name, parent_id) VALUES (:id, :name, :parent)"), rows
        )
        session.execute(text(CLOSURE))

    db.write(insert_departments)
    parents = [away, home] * (MOVES // 2)
    scope = _scope("Department", "update")
    times = []
    for parent in parents:
        times += timed(partial(db.write, move_department, scope, moved, parent, None), 1)
    ms = percentile(times, 0.95) * 1e3
    yield Figure("a division of 277 departments hung elsewhere: p95", ms, "ms", BAR_MS)


def _project(db: SyncDatabase, rounds: int) -> Iterator[Figure]:
    """Read pages of a project that one customer in a hundred belongs to."""
    share = "UPDATE customer SET projects = ARRAY[:p]::uuid[] WHERE right(name_key, 2) = '00'"
    db.write(lambda s: s.execute(text(share), {"p": OURS}))
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("VACUUM ANALYZE customer"))
    scope = _scope("Customer", "read", "project")
    for sort in ("UPDATED_AT_DESC", "NAME_ASC"):
        read = partial(db.read, store.list_page, scope, Search(), sort, Window(PAGE, None))
        times = timed(read, rounds, warm=3)
        ms = percentile(times, 0.95) * 1e3
        yield Figure(f"first page of a project, {sort.lower()}: p95", ms, "ms", 20.0)


def _handover(db: SyncDatabase, handed: int) -> Iterator[Figure]:
    """Hand over the customers of a person with very many of them."""
    leaver, successor = person(1), person(2)
    assign = (
        "UPDATE customer SET owner_id = :leaver WHERE id IN (SELECT id FROM customer LIMIT :count)"
    )
    db.write(
        lambda s: (
            s.execute(text("SET LOCAL statement_timeout = 0")),
            s.execute(text(assign), {"leaver": leaver, "count": handed}),
        )
    )
    plan = {"otherwise": ["person", str(successor)], "departments": {}, "heads": {}}
    request = {
        "off_boarding": str(UUID(int=1)),
        "user": str(leaver),
        "by": str(person(7)),
        "plan": plan,
        "policy_version": 1,
    }
    guard = Guard(clock=lambda: 0.0)
    guard.swap(Snapshot(1, (), {}, {successor: Member(department(1), ())}, tree()))
    work = cast(Work, SimpleNamespace(db=db, fresh_guard=lambda: guard))
    db.write(handover.begin, request, whole=True)
    started = time.perf_counter()
    hand_over(work, seconds=3600)
    seconds = time.perf_counter() - started
    yield Figure(f"{handed:,} customers handed over", seconds, "s")
    yield Figure("customers handed over a second", handed / seconds, "1/s")
