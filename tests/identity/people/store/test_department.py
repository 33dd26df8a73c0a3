"""The closure says what the tree says, whatever was moved where."""

from __future__ import annotations

import random
from collections.abc import Callable

from sqlalchemy import event, select
from sqlalchemy.orm import Session

from chassis.db import SyncDatabase
from identity.core.domain.ids import DepartmentId
from identity.people.store import department as store
from identity.people.store.department import department, department_path

Make = Callable[..., str]
Closure = set[tuple[DepartmentId, DepartmentId, int]]


def walked(session: Session) -> Closure:
    """The closure as the parents tell it."""
    parents = {row.id: row.parent_id for row in session.execute(select(department))}
    found: Closure = set()
    for id in parents:
        above, depth = id, 0
        while above is not None:
            found.add((above, id, depth))
            above, depth = parents[above], depth + 1
    return found


def kept(session: Session) -> Closure:
    return {tuple(row) for row in session.execute(select(department_path))}


def test_follows_every_move(database: Make) -> None:
    db, chance = SyncDatabase(database("identity"), application="identity-tests"), random.Random(7)

    def live(session: Session) -> None:
        ids: list[DepartmentId | None] = [None]
        for number in range(40):
            ids.append(store.add(session, f"d{number}", chance.choice(ids)))
        assert kept(session) == walked(session)
        for _ in range(60):
            id, parent = chance.choice(ids[1:]), chance.choice(ids)
            assert id is not None
            below = store.below(session, id)
            if parent not in below:
                store.move(session, id, parent)
                assert store.below(session, id) == below
        assert kept(session) == walked(session)

    db.write(live)
    db.close()


def test_moves_a_large_subtree_in_a_handful_of_statements(database: Make) -> None:
    db = SyncDatabase(database("identity"), application="identity-tests")
    sent: list[str] = []

    def live(session: Session) -> None:
        top, other = store.add(session, "top", None), store.add(session, "other", None)
        last = top
        for number in range(200):
            last = store.add(session, f"d{number}", top if number % 10 == 0 else last)
        event.listen(db.engine, "before_cursor_execute", lambda *a: sent.append(a[2]))
        store.move(session, top, other)
        assert len(store.below(session, other)) == 202

    db.write(live)
    db.close()

    assert len(sent) == 4  # delete, insert, update, and our question
