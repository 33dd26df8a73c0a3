"""Merging is lossless and comes undone, whatever was said in between; nobody is let in silently."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.db import SyncDatabase
from chassis.errors import BadInput, Conflict, NotFound
from customers.pool.commands.absorb import absorb
from customers.pool.commands.customer import assign, update
from customers.pool.commands.merge import Merged, merge, unmerge, viewers
from customers.pool.domain.record import ContactRecord, Source
from customers.pool.store import customer as customer_store, merge as merge_store
from tests.customers.making import (
    HEAD,
    LEAD,
    MONDAY,
    OTHER_REP,
    REP,
    SALES,
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
from tests.support.budget import examples


def absorbed(db: SyncDatabase, record, source: Source = TRYTON) -> UUID:  # type: ignore[no-untyped-def]
    [outcome] = db.write(absorb, a_scope(action="absorb"), source, [record])
    return outcome.customer_id  # type: ignore[return-value,union-attr]


def two(db: SyncDatabase) -> tuple[UUID, UUID]:
    one = absorbed(db, a_record("1", phone="13800000001", industry="软件"))
    other = absorbed(
        db,
        a_record(
            "r1",
            name="华宁科技公司",
            contacts=[ContactRecord("c", "张三")],
            tags=["重点"],
            region="北京",
        ),
        SHEET,
    )
    return one, other


def merged(db: SyncDatabase, *ids: UUID, dry_run: bool = False, user: UUID = STEWARD) -> Merged:
    scope = a_scope(user, "merge")
    return db.write(merge, scope, viewers(a_guard()), ids, ids[0], dry_run=dry_run)


def unmerged(db: SyncDatabase, id: UUID, dry_run: bool = False) -> Merged:
    return db.write(unmerge, a_scope(action="merge"), viewers(a_guard()), id, dry_run=dry_run)


def picture(db: SyncDatabase, *, without: str = "") -> dict[str, list[tuple[object, ...]]]:
    """Everything that hangs on customers, without ids of versions and times."""

    def look(session: Session) -> dict[str, list[tuple[object, ...]]]:
        def ask(sql: str) -> list[tuple[object, ...]]:
            return [tuple(row) for row in session.execute(text(sql))]

        return {
            "links": ask("SELECT system, external_id, customer_id FROM link ORDER BY 1, 2"),
            "claims": ask(
                "SELECT l.customer_id, l.system, field, value FROM claim c "
                "JOIN link l ON l.id = c.link_id WHERE ended_at IS NULL ORDER BY 1, 2, 3"
            ),
            "contacts": ask("SELECT customer_id, name FROM contact ORDER BY 1, 2"),
            "tags": ask("SELECT customer_id, tag_id FROM customer_tag ORDER BY 1, 2"),
            "golden": ask(
                "SELECT id, name, phone, industry, region, merged_into FROM customer ORDER BY id"
            ),
        }

    return db.read(look)


def test_the_survivor_has_everything_and_the_old_id_leads_to_it(db: SyncDatabase) -> None:
    one, other = two(db)

    merged(db, one, other)

    rows = db.read(customer_store.by_ids, a_scope(), [other, one])
    assert [row.id for row in rows if row] == [one, one]
    assert (rows[0].industry, rows[0].region) == ("软件", "北京")  # type: ignore[union-attr]
    assert picture(db)["contacts"] == [(one, "张三")]


def test_a_dry_run_says_what_would_happen_and_writes_nothing(db: SyncDatabase) -> None:
    one, other = two(db)
    before = picture(db), db.read(count, "outbox")

    preview = merged(db, one, other, dry_run=True).preview

    assert (picture(db), db.read(count, "outbox")) == before
    assert {(c.field, c.before) for c in preview.changes} >= {("region", None)}
    assert preview.relinked == 1


def test_undoing_a_merge_restores_everything(db: SyncDatabase) -> None:
    one, other = two(db)
    before = picture(db)
    done = merged(db, one, other).merge
    assert done is not None

    unmerged(db, done.id)

    assert picture(db) == before


def test_what_sources_said_after_the_merge_leaves_with_them(db: SyncDatabase) -> None:
    one, other = two(db)
    done = merged(db, one, other).merge
    assert done is not None
    later = MONDAY + timedelta(days=9)
    absorbed(db, a_record("r1", name="华宁科技公司", region="天津", observed_at=later), SHEET)
    db.write(update, a_scope(action="update"), one, {"industry": "硬件"}, None)
    db.write(update, a_scope(action="update"), other, {"note": "对旧编号说的话"}, None)

    unmerged(db, done.id)

    [first, second] = db.read(customer_store.by_ids, a_scope(), [one, other])
    assert first is not None
    assert second is not None
    assert (first.industry, first.region, first.note) == ("硬件", None, None)
    assert (second.id, second.region, second.note) == (other, "天津", "对旧编号说的话")


def test_a_chain_of_merges_comes_undone_in_any_order(db: SyncDatabase) -> None:
    a, b = two(db)
    c = absorbed(db, a_record("9", name="第三家"))
    before = picture(db)
    first = merged(db, b, c).merge
    second = merged(db, a, b).merge
    assert first is not None
    assert second is not None
    assert [r.id for r in db.read(customer_store.by_ids, a_scope(), [c]) if r] == [a]

    unmerged(db, first.id)
    assert [r.id for r in db.read(customer_store.by_ids, a_scope(), [b, c]) if r] == [a, c]
    unmerged(db, second.id)

    assert picture(db) == before


def test_undoing_the_later_merge_keeps_the_earlier_one(db: SyncDatabase) -> None:
    a, b = two(db)
    c = absorbed(db, a_record("9", name="第三家"))
    merged(db, b, c)
    between = picture(db)
    second = merged(db, a, b).merge
    assert second is not None

    unmerged(db, second.id)

    assert picture(db) == between


def test_those_who_gain_sight_are_named_and_nobody_is_added(db: SyncDatabase) -> None:
    one, other = two(db)
    scope = a_scope(action="update")
    db.write(assign, scope, one, REP, None, a_policy())
    db.write(assign, scope, other, OTHER_REP, None, a_policy())

    preview = merged(db, one, other).preview

    assert preview.access.gained == (REP,)
    assert preview.access.lost == (OTHER_REP,)
    [row] = db.read(customer_store.by_ids, a_scope(), [one])
    assert row is not None
    assert (row.owner_id, row.department_id, row.collaborators) == (REP, SALES, ())


def test_access_gained_equals_the_brute_force_difference(db: SyncDatabase) -> None:
    one, other = two(db)
    db.write(assign, a_scope(action="update"), one, REP, None, a_policy())
    db.write(assign, a_scope(action="update"), other, STEWARD, None, a_policy())
    users = list(a_policy().users)

    def sight() -> dict[UUID, set[UUID]]:
        seen: dict[UUID, set[UUID]] = {}
        for user in users:
            try:
                scope = a_scope(user)
            except Exception:
                seen[user] = set()
                continue
            rows = db.read(customer_store.by_ids, scope, [one, other])
            seen[user] = {id for id, row in zip([one, other], rows, strict=True) if row}
        return seen

    before = sight()
    preview = merged(db, one, other).preview
    after = sight()

    assert set(preview.access.gained) == {u for u in users if other in after[u] - before[u]}
    assert set(preview.access.lost) == {u for u in users if other in before[u] - after[u]}
    assert LEAD in preview.access.gained
    assert HEAD not in preview.access.gained


def test_facts_tell_others_who_may_see_what_now(db: SyncDatabase) -> None:
    one, other = two(db)
    done = merged(db, one, other).merge
    assert done is not None
    unmerged(db, done.id)

    sql = "SELECT name, body FROM outbox WHERE name LIKE 'customers.%merged' ORDER BY position"
    facts = db.read(lambda s: [tuple(row) for row in s.execute(text(sql))])

    (first, body), (second, undone) = facts
    assert (first, second) == ("customers.customer.merged", "customers.customer.unmerged")
    assert body["survivor"] == str(one)
    assert body["absorbed"] == undone["restored"] == [str(other)]
    redirects = {row["id"]: row["merged_into"] for row in body["access"]}
    assert redirects == {str(one): None, str(other): str(one)}
    versions = [{row["id"]: row["version"] for row in b["access"]} for b in (body, undone)]
    assert all(versions[1][id] > versions[0][id] for id in versions[0])


def test_different_codes_are_a_conflict_that_the_preview_shows(db: SyncDatabase) -> None:
    one = absorbed(db, a_record("1", unified_social_credit_code=a_code(1)))
    other = absorbed(db, a_record("2", unified_social_credit_code=a_code(2)))

    preview = merged(db, one, other, dry_run=True).preview

    assert [p.field for p in preview.conflicts] == ["unifiedSocialCreditCode"]


@pytest.mark.parametrize("how", ["same", "unknown", "kind", "again"])
def test_a_senseless_merge_is_refused_and_nothing_changes(db: SyncDatabase, how: str) -> None:
    one, other = two(db)
    person = absorbed(db, a_record("p", name="张三", kind="PERSON"))
    if how == "again":
        merged(db, one, other)
    before = picture(db)
    ids = {
        "same": (one, one),
        "unknown": (one, UUID(int=7)),
        "kind": (one, person),
        "again": (one, other),
    }[how]

    with pytest.raises((BadInput, NotFound, Conflict)):
        merged(db, *ids)

    assert picture(db) == before


def test_a_merge_comes_undone_only_once(db: SyncDatabase) -> None:
    one, other = two(db)
    done = merged(db, one, other).merge
    assert done is not None
    unmerged(db, done.id)
    before = picture(db)

    with pytest.raises(Conflict):
        unmerged(db, done.id)

    assert picture(db) == before


def test_merged_ones_are_listed_and_undone_ones_are_not(db: SyncDatabase) -> None:
    one, other = two(db)
    done = merged(db, one, other).merge
    assert done is not None
    assert [m.id for m in db.read(merge_store.merges_into, [one])[one]] == [done.id]

    unmerged(db, done.id)

    assert db.read(merge_store.merges_into, [one]) == {one: []}


edits = st.lists(
    st.tuples(
        st.sampled_from(["tryton", "sheet", "to the survivor", "to the old id"]),
        st.sampled_from(["phone", "industry", "region", "note"]),
        st.integers(0, 9),
    ),
    max_size=6,
)


@settings(max_examples=examples(15), suppress_health_check=list(HealthCheck))
@given(edits)
def test_any_edits_between_merge_and_undoing_end_where_they_belong(database, made) -> None:  # type: ignore[no-untyped-def]
    """The same edits without a merge in between must leave the same picture."""
    pictures = []
    for with_merge in (False, True):
        db = SyncDatabase(database("customers"), application="test", pool_size=1)
        one, other = two(db)
        done = merged(db, one, other).merge if with_merge else None
        for step, (where, field, n) in enumerate(made, start=1):
            _edit(db, where, field, n, one, other, step)
        if done is not None:
            unmerged(db, done.id)
        names = {one: "one", other: "other"}
        pictures.append(
            {
                kind: sorted(
                    str(
                        [
                            names.get(cast("UUID", value), value)
                            for value in row
                            if kind != "tags" or value in names
                        ]
                    )
                    for row in rows
                )
                for kind, rows in picture(db).items()
            }
        )
        # A manual link carries the id of its customer, which differs from database to database.
        pictures[-1]["links"] = [
            row.split("UUID")[0].split("manual")[0] for row in pictures[-1]["links"]
        ]
        db.close()

    assert pictures[0] == pictures[1]


def _edit(
    db: SyncDatabase, where: str, field: str, n: int, one: UUID, other: UUID, step: int
) -> None:
    value = f"1380000000{n}" if field == "phone" else f"值{n}"
    said: dict[str, Any] = {field: value}
    later = MONDAY + timedelta(days=step)
    if where == "tryton":
        absorbed(db, a_record("1", observed_at=later, complete=False, **said))
    elif where == "sheet":
        record = a_record("r1", name="华宁科技公司", observed_at=later, complete=False, **said)
        absorbed(db, record, SHEET)
    else:
        addressed = one if where == "to the survivor" else other
        db.write(update, a_scope(action="update"), addressed, {field: value}, None)
