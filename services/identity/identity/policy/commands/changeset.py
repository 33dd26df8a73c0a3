"""What the commands of changesets share: locking one, and recording what happened to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy.orm import Session

from chassis.audit import events as audit
from chassis.errors import Conflict, NotFound
from chassis.facts.outbox import record
from chassis.policy.scope import Scope
from identity.core.domain import facts
from identity.core.domain.ids import ChangesetId
from identity.core.domain.version import refuse_stale
from identity.policy.domain import changeset as domain
from identity.policy.domain.changeset import Change, ChangesetStatus
from identity.policy.store import changeset as store
from identity.policy.store.changeset import ChangesetRow


def locked(session: Session, id: ChangesetId) -> ChangesetRow:
    """Return the changeset, locked until the transaction ends. Raises `NotFound`."""
    row = store.locked(session, id)
    if row is None:
        raise NotFound(f"No changeset {id} exists.", f"未找到变更集 {id}。", field="id")
    return row


def locked_in(
    session: Session, id: ChangesetId, expected: int, allowed: Iterable[ChangesetStatus]
) -> ChangesetRow:
    """Return the changeset in one of the allowed states, locked until the transaction ends.

    Raises `NotFound`, and `Conflict` for another version or another state.
    """
    row = locked(session, id)
    refuse_stale(row.version, expected)
    if row.status not in allowed:
        states = ", ".join(status.name for status in allowed)
        raise Conflict(
            f"This changeset is {row.status.name}; for this it must be {states}.",
            f"该变更集的状态为 {row.status.name}，此操作要求：{states}。",
            version=row.version,
        )
    return row


def record_action(
    session: Session,
    scope: Scope,
    id: ChangesetId,
    action: str,
    changes: Sequence[Change] = (),
    *,
    version: int | None = None,
) -> None:
    """Record the fact and the audit event of an action on a changeset.

    `version` is the policy version that the changeset became, if it was published.
    """
    author = locked(session, id).author
    record(session, facts.CHANGESET_CHANGED.about(id, {"action": action, "user": str(author)}))
    audit.record(
        session,
        audit.Entry(
            scope.actor,
            action,
            "Changeset",
            str(id),
            changes={
                f"changes.{index}": [domain.line(change.before), domain.line(change.after)]
                for index, change in enumerate(changes)
            },
            policy_version=version,
        ),
    )
