"""Many at once: batches, people and stewards meet on the same customers,
and everything still adds up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from chassis.db import SyncDatabase
from chassis.errors import Conflict, NotFound
from customers.core.api.arguments import is_retryable
from customers.pool.commands.absorb import absorb
from customers.pool.commands.customer import Creation, create, update
from customers.pool.commands.merge import merge, unmerge, viewers
from customers.pool.domain.golden import elect, values
from customers.pool.store import (
    claim as claim_store,
    customer as customer_store,
    link as link_store,
)
from tests.customers.making import (
    MONDAY,
    SHEET,
    STEWARD,
    TRYTON,
    a_code,
    a_guard,
    a_policy,
    a_record,
    a_scope,
    count,
)


def all_at_once(*jobs: Callable[[], None]) -> list[BaseException]:
    """Runs the jobs in a thread each; what they could not expect is returned."""
    problems: list[BaseException] = []

    def run(job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return problems


def test_only_one_of_many_creates_the_same_customer(db: SyncDatabase) -> None:
    made: list[UUID] = []
    refused: list[Conflict] = []

    def job() -> None:
        asked = Creation(
            "ORGANIZATION",
            {"name": "华宁", "unified_social_credit_code": a_code(1)},
            STEWARD,
        )
        try:
            made.append(db.write(create, a_scope(action="create"), asked, a_policy()))
        except Conflict as problem:
            refused.append(problem)

    assert all_at_once(*[job] * 6) == []
    assert (len(made), len(refused)) == (1, 5)
    assert db.read(count, "customer") == 1


def test_batches_edits_and_merges_at_once_leave_a_pool_that_adds_up(db: SyncDatabase) -> None:
    batch = [
        a_record(
            str(n), name=f"客户{n}号", unified_social_credit_code=a_code(n), phone=f"1380000{n:04d}"
        )
        for n in range(12)
    ]
    ids = [o.customer_id for o in db.write(absorb, a_scope(action="absorb"), TRYTON, batch)]  # type: ignore[union-attr]
    see = viewers(a_guard())

    def syncs(source, offset: int) -> Callable[[], None]:  # type: ignore[no-untyped-def]
        def job() -> None:
            for round in range(6):
                some = [
                    a_record(
                        str(n),
                        name=f"客户{n}号",
                        unified_social_credit_code=a_code(n),
                        phone=f"1380000{n:04d}",
                        industry=f"{source.system}{round}",
                        observed_at=MONDAY + timedelta(hours=round + 1),
                        tags=[f"第{round}轮"],
                    )
                    for n in range(12)
                ]
                again(db, absorb, a_scope(action="absorb"), source, some[offset:] + some[:offset])

        return job

    def merges(one: int, other: int) -> Callable[[], None]:
        def job() -> None:
            for _ in range(4):
                pair = [ids[one], ids[other]]
                scope = a_scope(action="merge")
                try:
                    done = again(db, merge, scope, see, pair, pair[0], dry_run=False)
                    again(db, unmerge, scope, see, done.merge.id, dry_run=False)
                except (Conflict, NotFound):
                    continue

        return job

    def edits() -> None:
        for round in range(10):
            try:
                again(db, update, a_scope(action="update"), ids[round], {"note": f"{round}"}, None)
            except Conflict:
                continue

    problems = all_at_once(
        syncs(TRYTON, 0), syncs(SHEET, 5), merges(0, 1), merges(2, 3), merges(3, 4), edits
    )

    assert problems == []
    adds_up(db)
    assert db.read(count, "customer") == 12


def again(db: SyncDatabase, command, *args, **more):  # type: ignore[no-untyped-def]
    """As the edge does it: who met somebody on the way tries again."""
    for _ in range(5):
        try:
            return db.write(command, *args, **more)
        except DBAPIError as problem:
            if not is_retryable(problem):
                raise
    raise AssertionError("always somebody in the way")


def adds_up(db: SyncDatabase) -> None:
    """Every shown value is elected, every link is held once, every redirect leads somewhere."""

    def look(session) -> None:  # type: ignore[no-untyped-def]
        rules, at = claim_store.rules(session), link_store.now(session)
        ids = (
            session.execute(text("SELECT id FROM customer WHERE merged_into IS NULL"))
            .scalars()
            .all()
        )
        claims = claim_store.of_customers(session, ids)
        for id, row in customer_store.by_ids_unscoped(session, ids).items():
            assert customer_store.golden_of(row) == values(elect(claims[id], rules, at))
        for wrong in (
            "SELECT 1 FROM link l LEFT JOIN holding h ON h.link_id = l.id AND h.until IS NULL "
            "WHERE h.customer_id IS DISTINCT FROM l.customer_id",
            (
                "SELECT 1 FROM contact c JOIN link l ON l.id = c.link_id "
                "WHERE c.customer_id <> l.customer_id"
            ),
            (
                "SELECT 1 FROM link l JOIN customer c ON c.id = l.customer_id "
                "WHERE c.merged_into IS NOT NULL"
            ),
            (
                "SELECT 1 FROM customer c JOIN customer t ON t.id = c.merged_into "
                "WHERE t.merged_into IS NOT NULL"
            ),
        ):
            assert session.execute(text(wrong)).first() is None, wrong

    db.read(look)
