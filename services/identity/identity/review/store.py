"""Access reviews as rows: the reviews, their items, and the sign-offs of reviewers."""

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
from identity.review.domain import Grant, Progress, ReviewDecision, ReviewKind, ReviewStatus

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
    """One grant of one user and the decision about it.

    `name` is the role's name or the rule's text.
    """

    id: AccessReviewItemId
    review: AccessReviewId
    user: UserId
    kind: ReviewKind
    name: str
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


def _visible(reviewer: UUID | None) -> Any:
    """Return the condition for what a reviewer sees; `None` sees everything."""
    return true() if reviewer is None else item.c.reviewer_id == reviewer


def listed(
    session: Session, reviewer: UUID | None, status: ReviewStatus | None, window: Window
) -> Page[ReviewRow]:
    """Return one page of reviews, the newest first: all, or those with items of a reviewer."""
    statement = select(review)
    if reviewer is not None:
        statement = statement.where(
            exists().where(item.c.review_id == review.c.id, _visible(reviewer))
        )
    if status is not None:
        statement = statement.where(review.c.status == status.value)
    rows = page(session, statement, order=[(review.c.id, "desc")], window=window)
    return rows.map(read_row)


def by_id(session: Session, reviewer: UUID | None, id: AccessReviewId) -> ReviewRow | None:
    """Return one review that the reviewer may see; `None` sees all."""
    statement = select(review).where(review.c.id == id)
    if reviewer is not None:
        statement = statement.where(
            exists().where(item.c.review_id == review.c.id, _visible(reviewer))
        )
    row = session.execute(statement).one_or_none()
    return read_row(row) if row else None


def locked(session: Session, id: AccessReviewId) -> ReviewRow | None:
    """Return one review, locked until the transaction ends."""
    rows = session.execute(select(review).where(review.c.id == id).with_for_update())
    row = rows.one_or_none()
    return read_row(row) if row else None


def newest(session: Session) -> datetime | None:
    """Return when the last review that was not discarded began."""
    statement = select(func.max(review.c.created_at)).where(review.c.status != "discarded")
    return session.execute(statement).scalar_one()  # type: ignore[no-any-return]  # a timestamptz


def hold_schedule(session: Session) -> None:
    """Lock the schedule until the transaction ends, so that one scheduler begins a review."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('access_review', 0))"))


def add(
    session: Session, *, title: str, days: int, due_at: datetime, created_by: UUID | None
) -> AccessReviewId:
    """Insert a review and return its id."""
    id: UUID = session.execute(
        insert(review)
        .values(title=title, days=days, due_at=due_at, created_by=created_by)
        .returning(review.c.id)
    ).scalar_one()
    return AccessReviewId(id)


def add_items(
    session: Session, id: AccessReviewId, items: Sequence[tuple[Grant, UUID | None]]
) -> None:
    """Insert the grants to review, each with its reviewer."""
    rows = [
        {
            "review_id": id,
            "user_id": grant.user,
            "kind": grant.kind.value,
            "what": grant.name,
            "rule_id": grant.rule,
            "granted": grant.granted,
            "used": grant.used,
            "only_here": grant.only_here,
            "only_here_used": grant.only_here_used,
            "last_used": grant.last_used,
            "reviewer_id": reviewer,
        }
        for grant, reviewer in items
    ]
    if rows:
        session.execute(insert(item), rows)


def change(session: Session, id: AccessReviewId, **values: Any) -> None:
    """Set columns of one review and count its version up."""
    session.execute(
        update(review).where(review.c.id == id).values(values | {"version": review.c.version + 1})
    )


def change_items(
    session: Session, ids: Sequence[AccessReviewItemId], values: Mapping[str, Any]
) -> None:
    """Set columns of several items."""
    session.execute(update(item).where(item.c.id.in_(list(ids))).values(**values))


def settle(session: Session, id: AccessReviewId, decision: ReviewDecision) -> None:
    """Set the decision of all items without one."""
    waiting = item.c.review_id == id, item.c.decision.is_(None)
    session.execute(update(item).where(*waiting).values(decision=decision.value))


def items(
    session: Session,
    reviewer: UUID | None,
    id: AccessReviewId,
    window: Window,
    *,
    undecided: bool | None = None,
    unused: bool | None = None,
    user: UUID | None = None,
) -> Page[ItemRow]:
    """Return one page of the items of a review; `None` sets no condition."""
    statement: Select[Any] = select(item).where(item.c.review_id == id, _visible(reviewer))
    if undecided is not None:
        statement = statement.where(item.c.decision.is_(None) == undecided)
    if unused is not None:
        statement = statement.where((item.c.only_here_used == 0) == unused)
    if user is not None:
        statement = statement.where(item.c.user_id == user)
    rows = page(session, statement, order=[(item.c.id, "asc")], window=window)
    return rows.map(item_row)


def all_items(session: Session, id: AccessReviewId) -> list[ItemRow]:
    """Return all items of a review."""
    rows = session.execute(select(item).where(item.c.review_id == id).order_by(item.c.id))
    return [item_row(row) for row in rows]


def items_locked(
    session: Session, id: AccessReviewId, ids: Sequence[AccessReviewItemId]
) -> list[ItemRow]:
    """Return these items of one review, locked until the transaction ends."""
    rows = session.execute(
        select(item)
        .where(item.c.review_id == id, item.c.id.in_(list(ids)))
        .order_by(item.c.id)
        .with_for_update()
    )
    return [item_row(row) for row in rows]


def progress(session: Session, reviewer: UUID | None, id: AccessReviewId) -> Progress:
    """Count the decisions about the items that the reviewer may see."""
    counts = session.execute(
        select(
            func.count(),
            func.count().filter(item.c.decision == "keep"),
            func.count().filter(item.c.decision == "revoke"),
        ).where(item.c.review_id == id, _visible(reviewer))
    ).one()
    return Progress(*counts)


def sign(session: Session, id: AccessReviewId, reviewer: UserId) -> None:
    """Insert the sign-off of a reviewer, if there is none."""
    session.execute(
        upsert(sign_off).values(review_id=id, reviewer_id=reviewer).on_conflict_do_nothing()
    )


def unsign(session: Session, id: AccessReviewId, reviewers: Sequence[UUID]) -> None:
    """Delete the sign-offs of reviewers whose items or decisions changed."""
    session.execute(
        delete(sign_off).where(
            sign_off.c.review_id == id, sign_off.c.reviewer_id.in_(list(reviewers))
        )
    )


def signed(session: Session, id: AccessReviewId) -> dict[UserId, datetime]:
    """Return the reviewers who signed off, and when."""
    rows = session.execute(select(sign_off).where(sign_off.c.review_id == id))
    return {UserId(row.reviewer_id): row.at for row in rows}


def unsigned(session: Session, id: AccessReviewId) -> list[UserId]:
    """Return the reviewers who have items and did not sign off."""
    signers = select(sign_off.c.reviewer_id).where(sign_off.c.review_id == id)
    rows = session.execute(
        select(item.c.reviewer_id)
        .where(item.c.review_id == id, item.c.reviewer_id.is_not(None))
        .where(item.c.reviewer_id.not_in(signers))
        .distinct()
    )
    return [UserId(id) for id in rows.scalars()]


def read_row(selected: Row[Any]) -> ReviewRow:
    """Convert a selected review to a value."""
    return ReviewRow(
        id=AccessReviewId(selected.id),
        title=selected.title,
        days=selected.days,
        due_at=selected.due_at,
        status=ReviewStatus(selected.status),
        created_by=UserId(selected.created_by) if selected.created_by else None,
        created_at=selected.created_at,
        closed_by=UserId(selected.closed_by) if selected.closed_by else None,
        closed_at=selected.closed_at,
        changeset=ChangesetId(selected.changeset_id) if selected.changeset_id else None,
        report=selected.report,
        version=selected.version,
    )


def item_row(selected: Row[Any]) -> ItemRow:
    """Convert a selected item to a value."""
    return ItemRow(
        id=AccessReviewItemId(selected.id),
        review=AccessReviewId(selected.review_id),
        user=UserId(selected.user_id),
        kind=ReviewKind(selected.kind),
        name=selected.what,
        rule=selected.rule_id,
        granted=selected.granted,
        used=selected.used,
        only_here=selected.only_here,
        only_here_used=selected.only_here_used,
        last_used=selected.last_used,
        reviewer=UserId(selected.reviewer_id) if selected.reviewer_id else None,
        decision=ReviewDecision(selected.decision) if selected.decision else None,
        note=selected.note,
        decided_by=UserId(selected.decided_by) if selected.decided_by else None,
        decided_at=selected.decided_at,
        outcome=selected.outcome,
    )
