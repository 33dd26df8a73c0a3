"""What the pool does by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

from sqlalchemy import text

from chassis.db import SyncDatabase
from chassis.worker import Work, celery
from customers.exports import tasks as customer_export
from customers.handover import tasks as handover
from customers.imports import tasks as import_job
from customers.pool import tasks as upkeep
from customers.pool.commands.absorb import absorb
from customers.pool.commands.customer import pin, update
from customers.pool.domain.record import Source
from customers.pool.store import claim as claim_store, customer as customer_store, reelection
from customers.settings import CustomersSettings
from customers.worker import register
from tests.customers.making import SHEET, TRYTON, a_code, a_record, a_scope, count


def work_on(db: SyncDatabase) -> Work:
    return cast(Work, SimpleNamespace(db=db))


def industry(db: SyncDatabase, id: Any) -> str | None:
    row = db.read(customer_store.by_ids_unscoped, [id])[id]
    return row.industry


def disputed(db: SyncDatabase) -> Any:
    scope = a_scope(action="absorb")
    code = a_code(1)
    [made] = db.write(
        absorb, scope, TRYTON, [a_record(industry="软件", unified_social_credit_code=code)]
    )
    db.write(absorb, scope, SHEET, [a_record(industry="咨询", unified_social_credit_code=code)])
    return made.customer_id  # type: ignore[union-attr]


def test_a_source_that_becomes_stronger_wins_soon(db: SyncDatabase) -> None:
    id = disputed(db)
    before = industry(db, id)
    scope = a_scope(action="absorb")
    weaker = TRYTON if before == "软件" else SHEET

    db.write(absorb, scope, Source(weaker.system, "", 500), [a_record("9", name="另一家")])
    assert db.read(count, "reelection") == 1
    upkeep.keep_up(work_on(db))

    assert industry(db, id) == ("咨询" if before == "软件" else "软件")
    open_ones = "SELECT count(*) FROM reelection WHERE finished_at IS NULL"
    assert db.read(lambda s: s.execute(text(open_ones)).scalar_one()) == 0


def test_a_second_look_changes_nothing(db: SyncDatabase) -> None:
    disputed(db)
    db.write(reelection.request)
    upkeep.keep_up(work_on(db))
    before = db.read(count, "outbox")

    db.write(reelection.request)
    upkeep.keep_up(work_on(db))

    assert db.read(count, "outbox") == before


def test_a_pin_that_ran_out_gives_way(db: SyncDatabase) -> None:
    id = disputed(db)
    scope = a_scope(action="update")
    db.write(update, scope, id, {"industry": "硬件"}, None)
    claims = db.read(claim_store.of_customers, [id])[id]
    loser = next(c for c in claims if c.value == "咨询")
    db.write(pin, scope, id, "industry", loser.id, datetime.now(UTC) + timedelta(hours=1), None)
    assert industry(db, id) == "咨询"
    db.write(
        lambda s: s.execute(
            text("UPDATE claim SET pinned_until = now() WHERE pinned_until IS NOT NULL")
        )
    )

    upkeep.keep_up(work_on(db))

    assert industry(db, id) == "硬件"


def test_the_worker_knows_its_tasks_its_queue_and_its_schedule() -> None:
    settings = CustomersSettings(
        database_url="postgresql://x/x", redis_url="redis://x", issuer_url=""
    )
    app = celery("test", settings)

    register(app, settings)

    ours = {name for name in app.tasks if name.startswith("customers.")}
    assert ours == {
        customer_export.TAKE,
        customer_export.RUN,
        customer_export.EXPIRE,
        handover.HAND_OVER,
        import_job.TAKE,
        import_job.RUN,
        upkeep.UPKEEP,
        import_job.FORGET,
    }
    assert app.conf.task_routes == {"customers.*": {"queue": "customers"}}
    assert {import_job.TAKE, upkeep.UPKEEP, import_job.FORGET} <= app.conf.beat_schedule.keys()
