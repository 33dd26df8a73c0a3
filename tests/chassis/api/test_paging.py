"""A walk over keyset pages meets every row once, whatever the order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import (
    Column,
    DateTime,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    create_engine,
    insert,
    select,
)
from sqlalchemy.orm import Session

from chassis.api.paging import Order, Window, decode, page
from chassis.db import driver_url
from chassis.errors import BadInput

thing = Table(
    "thing",
    MetaData(),
    Column("id", Uuid, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("rank", Integer, nullable=False),
    Column("name", Text, nullable=False),
)
MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
# Ties everywhere: only the id tells some rows apart.
ROWS = [
    {"id": UUID(int=i), "at": MIDNIGHT + timedelta(hours=i // 5), "rank": i % 3, "name": f"n{i}"}
    for i in range(23)
]


@pytest.mark.parametrize(
    "order",
    [
        [(thing.c.at, "desc"), (thing.c.id, "desc")],
        [(thing.c.rank, "asc"), (thing.c.at, "desc"), (thing.c.id, "asc")],
        [(thing.c.name, "asc"), (thing.c.id, "asc")],
    ],
)
def test_meets_every_row_once_and_in_order(order: Order, database) -> None:  # type: ignore[no-untyped-def]
    engine = create_engine(driver_url(database()))
    thing.metadata.create_all(engine)
    with Session(engine) as session, session.begin():
        session.execute(insert(thing), ROWS)

    with Session(engine) as session:
        columns = [c.desc() if way == "desc" else c.asc() for c, way in order]
        expected = list(session.scalars(select(thing.c.id).order_by(*columns)))
        met: list[UUID] = []
        after = None
        while True:
            found = page(session, select(thing.c.id), order=order, window=Window(5, after))
            assert found.has_previous == (after is not None)
            met += [row.id for row in found.rows]
            if not found.has_next:
                break
            after = found.cursors[-1]
    engine.dispose()

    assert met == expected


@pytest.mark.parametrize(
    "cursor", ["", "x", "e30", "WzFd", "W10", "bnVsbA", "W251bGwsIDFd", "中文"]
)
def test_refuses_a_cursor_it_did_not_hand_out(cursor: str) -> None:
    with pytest.raises(BadInput) as refused:
        decode(cursor, [(thing.c.at, "desc"), (thing.c.id, "desc")])

    assert refused.value.field == "after"


@pytest.mark.parametrize("first", [0, -1, 101])
def test_refuses_a_page_size_out_of_bounds(first: int) -> None:
    with pytest.raises(BadInput, match=f"first is {first}"):
        Window(first)
