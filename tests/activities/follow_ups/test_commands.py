"""Writing follow-ups: what is kept, what is told, and what a refusal leaves behind: nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from activities.core.domain.ids import FollowUpId
from activities.customers.commands import project
from activities.follow_ups.commands import FollowUpRequest, edit_follow_up, log_follow_up
from activities.follow_ups.domain import Channel
from activities.follow_ups.store import FollowUpRow, by_ids
from activities.tasks.commands import complete_task
from activities.tasks.domain.task import Status
from activities.tasks.store.task import TaskRow, by_follow_ups
from chassis.db import SyncDatabase
from chassis.errors import BadInput, Conflict, Denied, HuichiError, NotFound
from tests.activities.conftest import ACME, BOHAI, an_access, audits, count, facts
from tests.activities.people import AUDITOR, LEAD, LIN, WANG, scope

NOW = datetime(2026, 5, 4, 1, 30, tzinfo=UTC)
TOMORROW = NOW + timedelta(days=1)


def words(**said: Any) -> FollowUpRequest:
    whole: dict[str, Any] = {
        "channel": Channel.VISIT,
        "summary": "Met Ms Zhao, 13800000000",
        "occurred_at": None,
        "next_step": None,
        "next_due_at": None,
    }
    return FollowUpRequest(**(whole | said))


def log(db: SyncDatabase, user: UUID = LIN, key: str | None = None, **said: Any) -> FollowUpId:
    proof = scope(user, "FollowUp", "create")
    return db.write(log_follow_up, proof, ACME, words(**said), NOW, key)


def edit(
    db: SyncDatabase, id: FollowUpId, version: int = 1, user: UUID = LIN, **said: Any
) -> FollowUpId:
    proof = scope(user, "FollowUp", "create")
    return db.write(edit_follow_up, proof, id, words(**said), version, NOW)


def read(db: SyncDatabase, id: FollowUpId) -> FollowUpRow:
    [found] = db.read(by_ids, scope(AUDITOR, "FollowUp"), [id])
    assert found is not None
    return found


def task_of(db: SyncDatabase, id: FollowUpId) -> TaskRow | None:
    [found] = db.read(by_follow_ups, scope(AUDITOR, "Task"), [id])
    return found


def test_keeps_who_what_and_when(db: SyncDatabase) -> None:
    found = read(db, log(db))

    assert (found.customer, found.author, found.channel) == (ACME, LIN, Channel.VISIT)
    assert (found.summary, found.occurred_at) == ("Met Ms Zhao, 13800000000", NOW)
    assert found.version == 1


def test_tells_what_happened_without_what_was_said(db: SyncDatabase) -> None:
    id = log(db, next_step="Call Ms Zhao", next_due_at=TOMORROW)
    edit(db, id, summary="Met Mr Qian", next_step="Call Ms Zhao", next_due_at=TOMORROW)

    names = [name for name, _ in facts(db)]
    assert names == [
        "activities.task.created",
        "activities.follow_up.logged",
        "activities.follow_up.edited",
    ]
    assert facts(db)[-1][1] == {"customer": str(ACME), "fields": ["summary"]}
    told = repr(facts(db)) + repr(audits(db))
    assert not any(secret in told for secret in ("Zhao", "Qian", "13800000000"))
    assert [(a["action"], a["object"]) for a in audits(db)] == [
        ("create", "Task"),
        ("create", "FollowUp"),
        ("update", "FollowUp"),
    ]


def test_a_next_step_with_a_due_time_becomes_a_task_of_the_author(db: SyncDatabase) -> None:
    task = task_of(db, log(db, next_step="Send the offer", next_due_at=TOMORROW))

    assert task is not None
    assert (task.title, task.due_at, task.assignee) == ("Send the offer", TOMORROW, LIN)


def test_a_next_step_without_one_is_a_note(db: SyncDatabase) -> None:
    assert task_of(db, log(db, next_step="Send the offer")) is None


def test_sent_again_with_its_key_is_written_once(db: SyncDatabase) -> None:
    first = log(db, key="k-1", next_step="Call", next_due_at=TOMORROW)
    again = log(db, key="k-1", next_step="Call", next_due_at=TOMORROW)

    assert first == again
    assert (count(db, "follow_up"), count(db, "task")) == (1, 1)
    with pytest.raises(Conflict):
        log(db, key="k-1", summary="Something else")
    assert count(db, "follow_up") == 1


@pytest.mark.parametrize(
    ("user", "said", "error"),
    [
        (WANG, {}, NotFound),
        (LIN, {"summary": ""}, BadInput),
        (LIN, {"next_due_at": TOMORROW}, BadInput),
        (LIN, {"occurred_at": TOMORROW}, BadInput),
    ],
)
def test_a_refusal_writes_nothing(
    db: SyncDatabase, user: UUID, said: dict[str, Any], error: type[HuichiError]
) -> None:
    with pytest.raises(error):
        log(db, user, key="k", **said)

    for table in ("follow_up", "task", "task_event", "outbox", "idempotency_key"):
        assert count(db, table) == 0


def test_editing_replaces_the_words_and_grows_the_version(db: SyncDatabase) -> None:
    id = log(db)

    edit(db, id, summary="Met Mr Qian", channel=Channel.WECHAT)

    found = read(db, id)
    assert (found.summary, found.channel, found.version) == ("Met Mr Qian", Channel.WECHAT, 2)


def test_editing_to_the_same_words_is_no_change(db: SyncDatabase) -> None:
    id = log(db)
    told = len(facts(db))

    edit(db, id)

    assert read(db, id).version == 1
    assert len(facts(db)) == told


def test_only_the_author_edits_even_if_others_see_it(db: SyncDatabase) -> None:
    id = log(db)
    before = read(db, id)

    with pytest.raises(Denied):
        edit(db, id, user=LEAD, summary="The lead knows better")

    assert read(db, id) == before


def test_a_stale_edit_conflicts_and_changes_nothing(db: SyncDatabase) -> None:
    id = log(db)
    edit(db, id, summary="Second")

    with pytest.raises(Conflict) as refused:
        edit(db, id, version=1, summary="Third")

    assert refused.value.extra["version"] == 2
    assert read(db, id).summary == "Second"


def test_an_author_who_lost_the_customer_cannot_edit(db: SyncDatabase) -> None:
    id = log(db)
    db.write(project, [an_access(ACME, WANG, version=2)])

    with pytest.raises(NotFound):
        edit(db, id, summary="From outside")

    assert read(db, id).summary == "Met Ms Zhao, 13800000000"


def test_the_open_task_follows_the_next_step(db: SyncDatabase) -> None:
    id = log(db, next_step="Call", next_due_at=TOMORROW)
    later = TOMORROW + timedelta(days=1)

    edit(db, id, 1, next_step="Visit", next_due_at=later)
    moved = task_of(db, id)
    edit(db, id, 2, next_step=None)
    dropped = task_of(db, id)
    edit(db, id, 3, next_step="Visit", next_due_at=later)
    back = task_of(db, id)

    assert moved
    assert dropped
    assert back
    assert (moved.title, moved.due_at, moved.status) == ("Visit", later, Status.OPEN)
    assert dropped.status is Status.CANCELLED
    assert (back.id, back.status) == (moved.id, Status.OPEN)


def test_a_done_task_is_left_alone(db: SyncDatabase) -> None:
    id = log(db, next_step="Call", next_due_at=TOMORROW)
    task = task_of(db, id)
    assert task
    db.write(complete_task, scope(LIN, "Task", "update"), task.id, None)

    edit(db, id, next_step="Visit", next_due_at=TOMORROW)

    after = task_of(db, id)
    assert after
    assert (after.title, after.status) == ("Call", Status.DONE)


def test_a_follow_up_of_a_merged_customer_stays_with_it_after_the_merge_is_taken_back(
    db: SyncDatabase,
) -> None:
    before = log(db)
    merged = an_access(ACME, LIN, version=2, merged_into=BOHAI)
    db.write(project, [merged, an_access(BOHAI, WANG, version=2, collaborators=(LIN,))])
    during = log(db)  # by the old id, which still resolves
    assert {read(db, before).customer, read(db, during).customer} == {BOHAI}

    db.write(project, [an_access(ACME, LIN, version=3), an_access(BOHAI, WANG, version=3)])

    assert {read(db, before).customer, read(db, during).customer} == {ACME}


def test_the_database_refuses_what_slipped_through(db: SyncDatabase) -> None:
    bad = text(
        "INSERT INTO follow_up (customer_id, author_id, channel, summary, occurred_at) "
        "VALUES (:c, :c, 'telepathy', 'x', now())"
    )
    with pytest.raises(Exception, match="follow_up_channel_check"):
        db.write(lambda s: s.execute(bad, {"c": ACME}))
