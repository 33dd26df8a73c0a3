"""The projection of customers: newest wins, in whatever order facts come,
and merges are redirects."""

from __future__ import annotations

from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from activities.core.domain.ids import CustomerId
from activities.customers.commands import project
from activities.customers.store import Access, by_ids, customer_access
from chassis.db import SyncDatabase
from tests.activities.conftest import ACME, BOHAI, an_access
from tests.activities.people import AUDITOR, LEAD, LIN, SERVICE, WANG, scope

CEDAR = CustomerId(UUID(int=0xC3))


def roots(db: SyncDatabase) -> dict[UUID, UUID]:
    query = select(customer_access.c.customer_id, customer_access.c.root_id)
    return {row[0]: row[1] for row in db.read(lambda s: s.execute(query).all())}


def test_takes_newer_versions_only(db: SyncDatabase) -> None:
    assert db.write(project, [an_access(ACME, WANG, version=3)]) == 1
    assert db.write(project, [an_access(ACME, LIN, version=2)]) == 0
    assert db.write(project, [an_access(ACME, LIN, version=3)]) == 0

    [seen] = db.read(by_ids, scope(WANG, "FollowUp"), [ACME])
    assert seen is not None


def test_the_newest_of_one_batch_counts(db: SyncDatabase) -> None:
    db.write(project, [an_access(ACME, WANG, version=9), an_access(ACME, LIN, version=8)])

    assert db.read(by_ids, scope(LIN, "FollowUp"), [ACME]) == [None]


def test_answers_in_the_order_of_the_ids_with_gaps(db: SyncDatabase) -> None:
    unknown = CustomerId(UUID(int=0xFF))

    found = db.read(by_ids, scope(LIN, "FollowUp"), [BOHAI, unknown, ACME, ACME])

    assert [row.id if row else None for row in found] == [None, None, ACME, ACME]


@pytest.mark.parametrize(
    ("who", "more", "seen"),
    [
        (LIN, {}, True),
        (WANG, {}, False),
        (WANG, {"collaborators": (WANG,)}, True),
        (LEAD, {}, True),
        (LEAD, {"department": SERVICE}, False),
        (AUDITOR, {"department": None, "owner": None}, True),
        (LIN, {"owner": None}, False),
    ],
)
def test_is_seen_within_scope_only(
    db: SyncDatabase, who: UUID, more: dict[str, Any], seen: bool
) -> None:
    db.write(project, [an_access(ACME, version=2, **more)])

    [found] = db.read(by_ids, scope(who, "FollowUp"), [ACME])

    assert (found is not None) is seen


CHAIN: list[Access] = [
    an_access(ACME, version=2, merged_into=BOHAI),
    an_access(BOHAI, WANG, version=2, merged_into=CEDAR),
    an_access(CEDAR, LIN, version=2),
]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_chain_of_merges_ends_at_one_root_in_any_order(
    db: SyncDatabase, order: tuple[int, ...]
) -> None:
    for i in order:
        db.write(project, [CHAIN[i]])

    assert roots(db) == {ACME: CEDAR, BOHAI: CEDAR, CEDAR: CEDAR}


def test_unmerging_gives_every_root_back(db: SyncDatabase) -> None:
    db.write(project, CHAIN)

    db.write(project, [an_access(BOHAI, WANG, version=3)])

    assert roots(db) == {ACME: BOHAI, BOHAI: BOHAI, CEDAR: CEDAR}


def test_survives_facts_that_draw_a_circle(db: SyncDatabase) -> None:
    db.write(
        project,
        [
            an_access(ACME, version=2, merged_into=BOHAI),
            an_access(BOHAI, version=2, merged_into=ACME),
        ],
    )

    db.write(project, [an_access(BOHAI, WANG, version=3)])
    assert roots(db) == {ACME: BOHAI, BOHAI: BOHAI}


def test_a_merged_customer_is_seen_by_whoever_sees_its_root(db: SyncDatabase) -> None:
    db.write(project, [an_access(ACME, LIN, version=2, merged_into=BOHAI)])

    assert db.read(by_ids, scope(LIN, "FollowUp"), [ACME]) == [None]
    [found] = db.read(by_ids, scope(WANG, "FollowUp"), [ACME])
    assert found is not None
    assert found.root == BOHAI
