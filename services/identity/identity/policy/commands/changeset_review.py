"""Submit a changeset to a second person, approve or return it, or discard it."""

from __future__ import annotations

from sqlalchemy.orm import Session

from chassis.errors import Denied
from chassis.policy.scope import Scope
from identity.core.domain.ids import ChangesetId
from identity.policy.commands.changeset import locked_in, record_action
from identity.policy.domain import changeset as domain
from identity.policy.domain.changeset import EDITABLE, ChangesetStatus
from identity.policy.store import changeset as store


def submit_changeset(session: Session, scope: Scope, id: ChangesetId, expected: int) -> ChangesetId:
    """Put a draft into review by a second person. Raises `NotFound` and `Conflict`."""
    locked_in(session, id, expected, [ChangesetStatus.DRAFT])
    store.change(session, id, status=ChangesetStatus.IN_REVIEW.value)
    record_action(session, scope, id, "submit")
    return id


def review_changeset(
    session: Session, scope: Scope, id: ChangesetId, expected: int, *, approve: bool, note: str
) -> ChangesetId:
    """Approve a changeset, or return it to its author, which needs a note.

    Raises `NotFound`, `Conflict`, `BadInput`, and `Denied` for the author.
    """
    present = locked_in(session, id, expected, [ChangesetStatus.IN_REVIEW])
    if present.author == scope.actor.user_id:
        raise Denied(
            "You are the last author of this changeset; another person has to review it.",
            "变更集须由最后编写者以外的人审核。",
        )
    store.change(
        session,
        id,
        status=(ChangesetStatus.APPROVED if approve else ChangesetStatus.DRAFT).value,
        reviewer_id=scope.actor.user_id,
        review_note=domain.note(note, required=not approve),
    )
    record_action(session, scope, id, "approve" if approve else "return")
    return id


def discard_changeset(
    session: Session, scope: Scope, id: ChangesetId, expected: int
) -> ChangesetId:
    """Discard a changeset that is not published; it stays on record."""
    locked_in(session, id, expected, EDITABLE)
    store.change(session, id, status=ChangesetStatus.DISCARDED.value)
    record_action(session, scope, id, "discard")
    return id
