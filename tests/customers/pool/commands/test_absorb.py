"""Batches from outside: matched, claimed, elected; twice is the same as once."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from types import FrameType
from typing import Any

import pytest
from sqlalchemy import event, text

from chassis.db import SyncDatabase
from chassis.errors import BadInput
from customers.pool.commands.absorb import absorb
from customers.pool.domain.outcome import Ambiguous, Created, Matched, Rejected, Unchanged, Updated
from customers.pool.domain.record import ContactRecord, Source
from tests.customers.making import (
    MONDAY,
    OTHER_REP,
    REP,
    SHEET,
    TRYTON,
    TUESDAY,
    a_code,
    a_record,
    a_scope,
    count,
)

TABLES = ("customer", "link", "claim", "contact", "identity_key", "match_candidate", "outbox")


def take(db: SyncDatabase, *records, source: Source = TRYTON, **more) -> list[Any]:  # type: ignore[no-untyped-def]
    return db.write(absorb, a_scope(action="absorb"), source, records, **more)


def golden(db: SyncDatabase, id) -> dict[str, Any]:  # type: ignore[no-untyped-def]
    statement = text("SELECT * FROM customer WHERE id = :id")
    return dict(db.read(lambda s: s.execute(statement, {"id": id}).mappings().one()))


def sizes(db: SyncDatabase) -> list[int]:
    return db.read(lambda s: [count(s, table) for table in TABLES])


def test_a_record_nobody_knows_becomes_a_customer(db: SyncDatabase) -> None:
    [outcome] = take(db, a_record(phone="010-8888 6666", unified_social_credit_code=a_code(1)))

    assert isinstance(outcome, Created)
    row = golden(db, outcome.customer_id)
    assert row["name"] == "华宁科技有限公司"
    assert row["phone"] == "+861088886666"
    assert row["version"] == 1


def test_the_same_batch_again_is_unchanged_and_writes_nothing(db: SyncDatabase) -> None:
    records = [a_record(str(n), name=f"公司{n}号", phone=f"1380000{n:04d}") for n in range(20)]
    take(db, *records)
    before = sizes(db)

    again = take(db, *records)

    assert {type(outcome) for outcome in again} == {Unchanged}
    assert sizes(db) == before


def test_an_edit_at_the_source_changes_only_that_field(db: SyncDatabase) -> None:
    [first] = take(db, a_record(phone="13800000001", industry="软件"))

    [second] = take(db, a_record(phone="13800000002", industry="软件", observed_at=TUESDAY))

    assert second == Updated("1", first.customer_id, ("phone",))
    assert golden(db, second.customer_id)["version"] == 2


def test_what_is_older_than_the_last_word_changes_nothing(db: SyncDatabase) -> None:
    take(db, a_record(phone="13800000002", observed_at=TUESDAY))

    [late] = take(db, a_record(phone="13800000001", observed_at=MONDAY))

    assert isinstance(late, Unchanged)
    assert golden(db, late.customer_id)["phone"] == "+8613800000002"


def test_a_field_the_source_no_longer_gives_is_withdrawn(db: SyncDatabase) -> None:
    [first] = take(db, a_record(phone="13800000001"))

    [second] = take(db, a_record(observed_at=TUESDAY))

    assert second == Updated("1", first.customer_id, ("phone",))
    assert golden(db, second.customer_id)["phone"] is None


def test_a_partial_record_leaves_what_it_does_not_mention(db: SyncDatabase) -> None:
    [first] = take(db, a_record(phone="13800000001"))

    take(db, a_record(industry="软件", observed_at=TUESDAY, complete=False))

    row = golden(db, first.customer_id)
    assert (row["phone"], row["industry"]) == ("+8613800000001", "软件")


def test_a_deleted_record_takes_its_values_back_but_not_the_last_name(db: SyncDatabase) -> None:
    [first] = take(db, a_record(phone="13800000001"))

    [gone] = take(db, a_record(name=None, deleted=True, observed_at=TUESDAY))

    assert gone == Updated("1", first.customer_id, ("phone",))
    assert golden(db, gone.customer_id)["name"] == "华宁科技有限公司"


@pytest.mark.parametrize(
    "fields",
    [
        {"unified_social_credit_code": a_code(7).lower(), "name": "完全不同的名字"},
        {"phone": "+86 138 0000 0001", "name": "华宁科技(北京)有限公司"},
        {"email": "INFO@Huaning.example", "name": "华宁科技"},
    ],
)
def test_a_strong_key_matches_across_systems(db: SyncDatabase, fields: dict) -> None:  # type: ignore[type-arg]
    [first] = take(
        db,
        a_record(
            unified_social_credit_code=a_code(7), phone="13800000001", email="info@huaning.example"
        ),
    )

    [second] = take(db, a_record("row-1", **fields), source=SHEET)

    assert isinstance(second, Matched)
    assert second.customer_id == first.customer_id


def test_a_shared_switchboard_glues_nobody_together(db: SyncDatabase) -> None:
    [first] = take(db, a_record(phone="010-88886666", unified_social_credit_code=a_code(1)))

    [second] = take(
        db,
        a_record("2", name="恒通物流", phone="01088886666", unified_social_credit_code=a_code(2)),
    )

    assert isinstance(second, Created)
    assert second.customer_id != first.customer_id


def test_only_the_name_is_for_a_steward(db: SyncDatabase) -> None:
    [first] = take(db, a_record())

    [second] = take(db, a_record("r1", name="华宁科技 有限责任公司"), source=SHEET)

    assert isinstance(second, Ambiguous)
    assert second.candidates == (first.customer_id,)
    assert second.customer_id != first.customer_id
    assert db.read(count, "match_candidate") == 1


def test_keys_that_point_to_two_customers_are_for_a_steward(db: SyncDatabase) -> None:
    take(db, a_record("1", phone="13800000001"), a_record("2", name="恒通", email="a@b.example"))

    [third] = take(db, a_record("3", phone="13800000001", email="a@b.example"), source=SHEET)

    assert isinstance(third, Ambiguous)
    assert len(third.candidates) == 2


def test_records_of_one_batch_see_each_other(db: SyncDatabase) -> None:
    first, second = take(
        db,
        a_record("1", unified_social_credit_code=a_code(3)),
        a_record("2", name="华宁", unified_social_credit_code=a_code(3)),
    )

    assert isinstance(first, Created)
    assert isinstance(second, Matched)
    assert first.customer_id == second.customer_id


def test_a_wrong_record_is_rejected_and_the_right_ones_enter(db: SyncDatabase) -> None:
    wrong = a_code(5)[:-1] + ("0" if a_code(5)[-1] != "0" else "1")

    bad, good = take(
        db,
        a_record("1", unified_social_credit_code=wrong, phone="12345"),
        a_record("2", name="恒通物流"),
    )

    assert isinstance(bad, Rejected)
    assert isinstance(good, Created)
    assert [problem.field for problem in bad.errors] == ["unified_social_credit_code", "phone"]
    assert a_code(5)[-1] in bad.errors[0].message("zh")
    assert db.read(count, "customer") == 1


def test_a_dry_run_predicts_exactly_and_writes_nothing(db: SyncDatabase) -> None:
    take(db, a_record("1", phone="13800000001"), a_record("9", name="恒通物流"))
    batch = [
        a_record("1", phone="13800000002", observed_at=TUESDAY, tags=["重点"]),
        a_record("2", name="新客户", contacts=[ContactRecord("c", "张三", None, "13900000000")]),
        a_record("3", name="恒通物流有限公司"),
        a_record("4", phone="1"),
        a_record("9", name="恒通物流"),
    ]
    before = sizes(db)

    predicted = take(db, *batch, dry_run=True)

    assert sizes(db) == before
    real = take(db, *batch)
    assert [(o.kind, getattr(o, "changed", None)) for o in predicted] == [
        (o.kind, getattr(o, "changed", None)) for o in real
    ]


def test_a_customer_of_somebody_else_is_refused_and_untouched(db: SyncDatabase) -> None:
    take(db, a_record(phone="13800000001"))
    db.write(lambda s: s.execute(text("UPDATE customer SET owner_id = :o"), {"o": OTHER_REP}))
    before = sizes(db)

    [refused] = db.write(
        absorb, a_scope(REP, "import"), SHEET, [a_record("r", phone="13800000001")]
    )

    assert isinstance(refused, Rejected)
    assert refused.errors[0].code == "FORBIDDEN"
    assert sizes(db) == before


def test_a_batch_above_the_limit_is_refused(db: SyncDatabase) -> None:
    with pytest.raises(BadInput, match="501"):
        take(db, *[a_record(str(n)) for n in range(501)])

    assert db.read(count, "customer") == 0


def test_two_batches_of_the_same_records_at_once_make_each_customer_once(db: SyncDatabase) -> None:
    records = [
        a_record(
            str(n),
            name=f"并发公司{n}",
            unified_social_credit_code=a_code(n),
            phone=f"1390000{n:04d}",
        )
        for n in range(100)
    ]
    batches = [
        (TRYTON, records),
        (TRYTON, list(reversed(records))),
        (SHEET, list(reversed(records))),
        (SHEET, records),
    ]
    failures: list[BaseException] = []

    def run(source: Source, some: list) -> None:  # type: ignore[type-arg]
        try:
            take(db, *some, source=source)
        except BaseException as problem:
            failures.append(problem)

    threads = [threading.Thread(target=run, args=batch) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert db.read(count, "customer") == 100
    assert db.read(count, "link") == 200


def test_the_number_of_statements_does_not_grow_with_the_batch(db: SyncDatabase) -> None:
    seen: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda c, cu, sql, *a: seen.append(sql))

    def statements(of: int, start: int) -> int:
        seen.clear()
        take(db, *[_rich(n) for n in range(start, start + of)])
        return len(seen)

    assert statements(2, 0) == statements(300, 1000)
    assert len(seen) <= 40


def test_a_record_of_a_large_batch_takes_few_steps(db: SyncDatabase) -> None:
    """Calls are counted, which no busy machine changes; 500 new records took 0.3 s on two cores."""
    take(db, *[_rich(n) for n in range(500)])  # the first batch pays for compiled statements
    new = [_rich(n) for n in range(1000, 1500)]

    first = calls(lambda: take(db, *new))
    again = calls(lambda: take(db, *new))

    assert {outcome.kind for outcome in take(db, *new)} == {"UNCHANGED"}
    assert first < 500 * 1300  # 1,042 each today
    assert again < 500 * 500  # 369


def calls(work: Callable[[], object]) -> int:
    """Return how many functions this thread calls, those written in C included."""
    count = 0

    def note(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def _rich(n: int):  # type: ignore[no-untyped-def]
    return a_record(
        str(n),
        name=f"测试{n}号贸易有限公司",
        unified_social_credit_code=a_code(n),
        phone=f"138{n:08d}",
        email=f"contact{n}@example.com",
        address="北京市海淀区某路一号",
        industry="贸易",
        contacts=[ContactRecord("c1", f"张{n}", "经理", f"139{n:08d}", None)],
        tags=["重点", "华北"],
        observed_at=MONDAY + timedelta(minutes=n),
    )
