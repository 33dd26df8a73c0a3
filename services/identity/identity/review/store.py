"""Access reviews as rows: the review, its items, and who signed their part off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Column,
    Date,
    DateTime,
    Integer,
    Row,
    Select,
    Table,
    Text,
    Uuid,
    delete,
    exists,
    func,
    insert,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from chassis.api.paging import Page, Window, page
from identity.core.domain.ids import AccessReviewId, AccessReviewItemId, ChangesetId, UserId
from identity.core.store.metadata import metadata
from identity.review.domain import Given, Progress, ReviewDecision, ReviewKind, ReviewStatus

review = Table(
    "access_review",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=func.uuidv7()),
    Column("title", Text, nullable=False),
    Column("days", Integer, nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("status", Text, nullable=False, server_default="open"),
    Column("created_by", Uuid),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("closed_by", Uuid),
    Column("closed_at", DateTime(timezone=True)),
    Column("changeset_id", Uuid),
    Column("report", Text),
    Column("version", Integer, nullable=False, server_default="1"),
)
item = Table(
    "access_review_item",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=func.uuidv7()),
    Column("review_id", Uuid, nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("rule_id", Uuid),
    Column("granted", Integer, nullable=False),
    Column("used", Integer, nullable=False),
    Column("only_here", Integer, nullable=False),
    Column("only_here_used", Integer, nullable=False),
    Column("last_used", Date),
    Column("reviewer_id", Uuid),
    Column("decision", Text),
    Column("note", Text, nullable=False, server_default=""),
    Column("decided_by", Uuid),
    Column("decided_at", DateTime(timezone=True)),
    Column("outcome", Text),
)
sign_off = Table(
    "access_review_sign_off",
    metadata,
    Column("review_id", Uuid, primary_key=True),
    Column("reviewer_id", Uuid, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """A review."""

    id: AccessReviewId
    title: str
    days: int
    due_at: datetime
    status: ReviewStatus
    created_by: UserId | None
    created_at: datetime
    closed_by: UserId | None
    closed_at: datetime | None
    changeset: ChangesetId | None
    report: str | None
    version: int


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One thing that one person was given, and what becomes of it."""

    id: AccessReviewItemId
    review: AccessReviewId
    user: UserId
    kind: ReviewKind
    what: str
    rule: UUID | None
    granted: int
    used: int
    only_here: int
    only_here_used: int
    last_used: date | None
    reviewer: UserId | None
    decision: ReviewDecision | None
    note: str
    decided_by: UserId | None
    decided_at: datetime | None
    outcome: str | None


def _mine(me: UUID | None) -> Any:
    """What a reviewer sees; with `None` everything."""
    return true() if me is None else item.c.reviewer_id == me


def listed(
    session: Session, me: UUID | None, status: ReviewStatus | None, window: Window
) -> Page[ReviewRow]:
    """Reviews, the newest first: all, or those where this person reviews something."""
    statement = select(review)
    if me is not None:
        statement = statement.where(exists().where(item.c.review_id == review.c.id, _mine(me)))
    if status is not None:
        statement = statement.where(review.c.status == status.value)
    found = page(session, statement, order=[(review.c.id, "desc")], window=window)
    return found.map(row)


def by_id(session: Session, me: UUID | None, id: AccessReviewId) -> ReviewRow | None:
    """One review that this person may see."""
    statement = select(review).where(review.c.id == id)
    if me is not None:
        statement = statement.where(exists().where(item.c.review_id == review.c.id, _mine(me)))
    found = session.execute(statement).one_or_none()
    return row(found) if found else None


def locked(session: Session, id: AccessReviewId) -> ReviewRow | None:
    """One review, held until the transaction ends."""
    found = session.execute(select(review).where(review.c.id == id).with_for_update())
    one = found.one_or_none()
    return row(one) if one else None


def newest(session: Session) -> datetime | None:
    """When the last review that was not given up began."""
    statement = select(func.max(review.c.created_at)).where(review.c.status != "discarded")
    return session.execute(statement).scalar_one()  # type: ignore[no-any-return]  # a timestamptz


def hold_schedule(session: Session) -> None:
    """One scheduler at a time."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('access_review', 0))"))


def add(
    session: Session, *, title: str, days: int, due_at: datetime, by: UUID | None
) -> AccessReviewId:
    """Writes a new review down."""
    made: UUID = session.execute(
        insert(review)
        .values(title=title, days=days, due_at=due_at, created_by=by)
        .returning(review.c.id)
    ).scalar_one()
    return AccessReviewId(made)


def add_items(
    session: Session, id: AccessReviewId, items: Sequence[tuple[Given, UUID | None]]
) -> None:
    """Writes down what is looked at, and by whom."""
    rows = [
        {
            "review_id": id,
            "user_id": one.user,
            "kind": one.kind.value,
            "what": one.what,
            "rule_id": one.rule,
            "granted": one.granted,
            "used": one.used,
            "only_here": one.only_here,
            "only_here_used": one.only_here_used,
            "last_used": one.last_used,
            "reviewer_id": reviewer,
        }
        for one, reviewer in items
    ]
    if rows:
        session.execute(insert(item), rows)


def change(session: Session, id: AccessReviewId, **values: Any) -> None:
    session.execute(
        update(review).where(review.c.id == id).values(values | {"version": review.c.version + 1})
    )


def change_items(
    session: Session, ids: Sequence[AccessReviewItemId], values: Mapping[str, Any]
) -> None:
    session.execute(update(item).where(item.c.id.in_(list(ids))).values(**values))


def settle(session: Session, id: AccessReviewId, decision: ReviewDecision) -> None:
    """One word for everything that nobody decided."""
    waiting = item.c.review_id == id, item.c.decision.is_(None)
    session.execute(update(item).where(*waiting).values(decision=decision.value))


def items(
    session: Session,
    me: UUID | None,
    id: AccessReviewId,
    window: Window,
    *,
    undecided: bool | None = None,
    unused: bool | None = None,
    user: UUID | None = None,
) -> Page[ItemRow]:
    """A page of items."""
    statement: Select[Any] = select(item).where(item.c.review_id == id, _mine(me))
    if undecided is not None:
        statement = statement.where(item.c.decision.is_(None) == undecided)
    if unused is not None:
        statement = statement.where((item.c.only_here_used == 0) == unused)
    if user is not None:
        statement = statement.where(item.c.user_id == user)
    found = page(session, statement, order=[(item.c.id, "asc")], window=window)
    rows = [item_row(r) for r in found.rows]
    return Page(rows, found.cursors, found.has_next, found.has_previous)


def all_items(session: Session, id: AccessReviewId) -> list[ItemRow]:
    """Everything that is looked at."""
    rows = session.execute(select(item).where(item.c.review_id == id).order_by(item.c.id))
    return [item_row(one) for one in rows]


def items_locked(
    session: Session, id: AccessReviewId, ids: Sequence[AccessReviewItemId]
) -> list[ItemRow]:
    """These items of one review, held until the transaction ends."""
    rows = session.execute(
        select(item)
        .where(item.c.review_id == id, item.c.id.in_(list(ids)))
        .order_by(item.c.id)
        .with_for_update()
    )
    return [item_row(one) for one in rows]


def progress(session: Session, me: UUID | None, id: AccessReviewId) -> Progress:
    found = session.execute(
        select(
            func.count(),
            func.count().filter(item.c.decision == "keep"),
            func.count().filter(item.c.decision == "revoke"),
        ).where(item.c.review_id == id, _mine(me))
    ).one()
    return Progress(*found)


def sign(session: Session, id: AccessReviewId, reviewer: UserId) -> None:
    session.execute(
        upsert(sign_off).values(review_id=id, reviewer_id=reviewer).on_conflict_do_nothing()
    )


def unsign(session: Session, id: AccessReviewId, reviewers: Sequence[UUID]) -> None:
    """Whoever got more to look at has not signed for it."""
    session.execute(
        delete(sign_off).where(
            sign_off.c.review_id == id, sign_off.c.reviewer_id.in_(list(reviewers))
        )
    )


def signed(session: Session, id: AccessReviewId) -> dict[UserId, datetime]:
    """Who signed off, and when."""
    rows = session.execute(select(sign_off).where(sign_off.c.review_id == id))
    return {UserId(one.reviewer_id): one.at for one in rows}


def unsigned(session: Session, id: AccessReviewId) -> list[UserId]:
    """Who has items and did not sign."""
    done = select(sign_off.c.reviewer_id).where(sign_off.c.review_id == id)
    rows = session.execute(
        select(item.c.reviewer_id)
        .where(item.c.review_id == id, item.c.reviewer_id.is_not(None))
        .where(item.c.reviewer_id.not_in(done))
        .distinct()
    )
    return [UserId(one) for one in rows.scalars()]


def row(found: Row[Any]) -> ReviewRow:
    return ReviewRow(
        id=AccessReviewId(found.id),
        title=found.title,
        days=found.days,
        due_at=found.due_at,
        status=ReviewStatus(found.status),
        created_by=UserId(found.created_by) if found.created_by else None,
        created_at=found.created_at,
        closed_by=UserId(found.closed_by) if found.closed_by else None,
        closed_at=found.closed_at,
        changeset=ChangesetId(found.changeset_id) if found.changeset_id else None,
        report=found.report,
        version=found.version,
    )


def item_row(found: Row[Any]) -> ItemRow:
    return ItemRow(
        id=AccessReviewItemId(found.id),
        review=AccessReviewId(found.review_id),
        user=UserId(found.user_id),
        kind=ReviewKind(found.kind),
        what=found.what,
        rule=found.rule_id,
        granted=found.granted,
        used=found.used,
        only_here=found.only_here,
        only_here_used=found.only_here_used,
        last_used=found.last_used,
        reviewer=UserId(found.reviewer_id) if found.reviewer_id else None,
        decision=ReviewDecision(found.decision) if found.decision else None,
        note=found.note,
        decided_by=UserId(found.decided_by) if found.decided_by else None,
        decided_at=found.decided_at,
        outcome=found.outcome,
    )
