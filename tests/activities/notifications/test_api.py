"""Who is told of what: those who may do something about it, never whom it is about,
and until it is seen to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from activities.facts import HANDLERS
from activities.notifications import commands as notification
from chassis.db import SyncDatabase
from chassis.facts.stream import Received
from tests.activities.conftest import count
from tests.activities.people import AUDITOR, LEAD, LIN, SALES, SERVICE, STRANGER, WANG
from tests.activities.subgraph import Subgraph

LIST = """
query ($kinds: [NotificationKind!], $unread: Boolean! = false, $first: Int! = 20, $after: String) {
  unreadNotifications
  notifications(kinds: $kinds, unreadOnly: $unread, first: $first, after: $after) {
    edges { node { id kind text about user { id } readAt settledAt } }
    pageInfo { hasNextPage endCursor } }
}
"""
READ = "mutation ($ids: [ID!]) { markNotificationsRead(ids: $ids) { unread errors { code path } } }"
UNREAD = (
    "mutation ($ids: [ID!]!) { markNotificationsUnread(ids: $ids) { unread errors { code path } } }"
)

ALERT, EXPORT, ACCESS, CHANGESET, REVIEW = (UUID(int=0xE1 + n) for n in range(5))
NOW = datetime.now(UTC)


def told(
    db: SyncDatabase,
    name: str,
    about: UUID,
    *,
    days_ago: int = 0,
    **body: Any,
) -> None:
    """A fact arrives, and once more: twice is the same as once."""
    at = NOW - timedelta(days=days_ago)
    fact = Received(uuid4(), name, str(about), body, "identity", at)
    db.write(HANDLERS[name], fact)
    db.write(HANDLERS[name], fact)


def an_alert(db: SyncDatabase, whose: UUID = LIN, about: UUID = ALERT, **more: Any) -> None:
    body: dict[str, Any] = {
        "user": str(whose),
        "department": str(SALES),
        "kind": "BULK_READING",
        "measure": 150,
    }
    told(db, "identity.access_alert.raised", about, **(body | more))


def an_export(
    db: SyncDatabase, status: str, *, by: UUID | None = None, where: UUID = SALES
) -> None:
    body: dict[str, Any] = {
        "user": str(LIN),
        "department": str(where),
        "status": status,
        "rows": 20,
    }
    told(
        db,
        "customers.export.changed",
        EXPORT,
        sensitive=True,
        by=str(by) if by else None,
        **body,
    )


async def inbox(subgraph: Subgraph, user: UUID, **asked: Any) -> list[Any]:
    found = await subgraph.data(LIST, user, **asked)
    return [edge["node"] for edge in found["notifications"]["edges"]]


async def unread(subgraph: Subgraph, user: UUID) -> int:
    return int((await subgraph.data(LIST, user))["unreadNotifications"])


async def test_an_alert_is_for_whoever_decides_alerts(subgraph: Subgraph, db: SyncDatabase) -> None:
    an_alert(db)

    [one] = await inbox(subgraph, AUDITOR)

    assert (one["kind"], one["about"], one["user"]["id"]) == ("ACCESS_ALERT", str(ALERT), str(LIN))
    assert one["text"] == "Unusual access: much personal data was read (150)."
    for other in (LIN, WANG, LEAD, STRANGER):
        assert await inbox(subgraph, other) == []


async def test_says_it_in_chinese(subgraph: Subgraph, db: SyncDatabase) -> None:
    an_alert(db)

    answer = await subgraph.ask(LIST, AUDITOR, locale="zh")

    assert answer["data"]["notifications"]["edges"][0]["node"]["text"] == (
        "异常访问：大量读取个人信息（150）。"
    )


async def test_nobody_is_told_of_an_alert_about_themselves(
    subgraph: Subgraph, db: SyncDatabase
) -> None:
    an_alert(db, whose=AUDITOR)

    assert await inbox(subgraph, AUDITOR) == []
    assert await unread(subgraph, AUDITOR) == 0


async def test_keeps_to_the_rows_of_the_right(subgraph: Subgraph, db: SyncDatabase) -> None:
    an_export(db, "AWAITING_APPROVAL", where=SERVICE)

    assert await inbox(subgraph, LEAD) == []


async def test_an_export_waits_until_it_was_answered(subgraph: Subgraph, db: SyncDatabase) -> None:
    an_export(db, "AWAITING_APPROVAL")
    [waiting] = await inbox(subgraph, LEAD)
    assert waiting["text"] == (
        "An export of 20 customers with sensitive fields waits for approval."
    )
    assert await unread(subgraph, LEAD) == 1

    an_export(db, "QUEUED", by=LEAD)
    an_export(db, "READY", by=LEAD)

    assert await unread(subgraph, LEAD) == 0
    assert (await inbox(subgraph, LEAD))[0]["settledAt"] is not None
    [answer] = await inbox(subgraph, LIN)
    assert (answer["kind"], answer["text"]) == (
        "EXPORT_ANSWERED",
        "Your export is ready to be downloaded.",
    )


async def test_who_revokes_their_own_export_is_not_told(
    subgraph: Subgraph, db: SyncDatabase
) -> None:
    an_export(db, "REVOKED", by=LIN)

    assert await inbox(subgraph, LIN) == []


async def test_a_resolved_alert_waits_for_nobody(subgraph: Subgraph, db: SyncDatabase) -> None:
    an_alert(db)

    told(db, "identity.access_alert.resolved", ALERT)

    assert await unread(subgraph, AUDITOR) == 0
    assert await inbox(subgraph, AUDITOR, unread=True) == []


async def test_emergency_access_waits_for_its_review(subgraph: Subgraph, db: SyncDatabase) -> None:
    told(db, "identity.emergency_access.taken", ACCESS, user=str(LIN), department=str(SALES))
    assert [one["kind"] for one in await inbox(subgraph, AUDITOR)] == ["EMERGENCY_ACCESS"]

    told(db, "identity.emergency_access.reviewed", ACCESS)

    assert await unread(subgraph, AUDITOR) == 0


@pytest.mark.parametrize(
    ("action", "text"),
    [
        ("approve", "Your changeset was approved; it can be published."),
        ("return", "Your changeset was returned with a note."),
    ],
)
async def test_the_author_of_a_changeset_has_an_answer(
    subgraph: Subgraph, db: SyncDatabase, action: str, text: str
) -> None:
    told(db, "identity.changeset.changed", CHANGESET, action="submit", user=str(WANG))
    told(db, "identity.changeset.changed", CHANGESET, action=action, user=str(WANG))

    assert [one["text"] for one in await inbox(subgraph, WANG)] == [text]


async def test_a_review_waits_for_each_reviewer_until_they_signed(
    subgraph: Subgraph, db: SyncDatabase
) -> None:
    for reviewer in (LEAD, WANG, LIN):
        told(db, "identity.access_review.requested", REVIEW, reviewer=str(reviewer))

    told(db, "identity.access_review.signed_off", REVIEW, reviewer=str(LEAD))
    one_signed = [await unread(subgraph, who) for who in (LEAD, WANG, LIN)]
    told(db, "identity.access_review.closed", REVIEW)
    all_over = [await unread(subgraph, who) for who in (LEAD, WANG, LIN)]

    assert (one_signed, all_over) == ([0, 1, 1], [0, 0, 0])


async def test_who_stands_in_is_told_whose_work_it_is(subgraph: Subgraph, db: SyncDatabase) -> None:
    told(db, "identity.delegation.granted", ACCESS, giver=str(LIN), taker=str(WANG))

    [one] = await inbox(subgraph, WANG)

    assert (one["kind"], one["user"]["id"]) == ("DELEGATION", str(LIN))


async def test_read_is_read_and_can_be_taken_back(subgraph: Subgraph, db: SyncDatabase) -> None:
    an_alert(db)
    an_alert(db, about=UUID(int=0xE9))
    ids = [one["id"] for one in await inbox(subgraph, AUDITOR)]

    one = await subgraph.data(READ, AUDITOR, ids=ids[:1])
    again = await subgraph.data(READ, AUDITOR, ids=ids[:1])
    back = await subgraph.data(UNREAD, AUDITOR, ids=ids[:1])
    every = await subgraph.data(READ, AUDITOR)

    assert one["markNotificationsRead"] == {"unread": 1, "errors": []}
    assert again["markNotificationsRead"]["unread"] == 1
    assert back["markNotificationsUnread"]["unread"] == 2
    assert every["markNotificationsRead"]["unread"] == 0
    assert await inbox(subgraph, AUDITOR, unread=True) == []
    assert all(one["readAt"] for one in await inbox(subgraph, AUDITOR))


async def test_what_one_reads_is_not_read_by_another(subgraph: Subgraph, db: SyncDatabase) -> None:
    an_export(db, "AWAITING_APPROVAL")
    [waiting] = await inbox(subgraph, LEAD)

    refused = await subgraph.data(READ, WANG, ids=[waiting["id"]])

    assert refused["markNotificationsRead"] == {
        "unread": None,
        "errors": [{"code": "NOT_FOUND", "path": ["ids"]}],
    }
    assert count(db, "notification_seen") == 0


async def test_too_many_and_wrong_ids_are_refused_by_name(subgraph: Subgraph) -> None:
    many = await subgraph.data(READ, AUDITOR, ids=[str(uuid4())] * 101)
    wrong = await subgraph.data(UNREAD, AUDITOR, ids=["x"])

    assert many["markNotificationsRead"]["errors"] == [{"code": "BAD_INPUT", "path": ["ids"]}]
    assert wrong["markNotificationsUnread"]["errors"] == [{"code": "BAD_INPUT", "path": ["ids"]}]


async def test_pages_go_on_where_the_last_one_ended(subgraph: Subgraph, db: SyncDatabase) -> None:
    for number in range(5):
        an_alert(db, about=UUID(int=0xF0 + number), days_ago=number)
    first = await subgraph.data(LIST, AUDITOR, first=3)
    page = first["notifications"]

    rest = await subgraph.data(LIST, AUDITOR, first=3, after=page["pageInfo"]["endCursor"])

    seen = [
        edge["node"]["about"] for part in (page, rest["notifications"]) for edge in part["edges"]
    ]
    assert seen == [str(UUID(int=0xF0 + number)) for number in range(5)]
    assert rest["notifications"]["pageInfo"]["hasNextPage"] is False


async def test_needs_somebody_to_be_signed_in(subgraph: Subgraph) -> None:
    answer = await subgraph.ask(LIST, None)

    assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


def test_what_is_half_a_year_old_is_forgotten(db: SyncDatabase) -> None:
    an_alert(db, days_ago=181)
    an_alert(db, about=UUID(int=0xE9), days_ago=179)

    assert db.write(notification.forget) == 1
    assert count(db, "notification") == 1
