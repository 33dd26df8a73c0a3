"""Reading raw records is written down: they hold personal data as it came."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from chassis import audit
from chassis.policy.guard import Scope
from integrations.store import dead_letter, source_record


def of_records(session: Session, scope: Scope, ids: Sequence[UUID]) -> list[bytes | None]:
    """Sealed payloads of source records in the order of the ids, and who asked for them."""
    _tell(session, scope, "SourceRecord", ids)
    return source_record.payloads(session, ids)


def of_letters(
    session: Session, scope: Scope, ids: Sequence[UUID]
) -> list[tuple[str, bytes] | None]:
    """Record keys and sealed payloads of dead letters, and who asked for them."""
    _tell(session, scope, "DeadLetter", ids)
    return dead_letter.payloads(session, ids)


def _tell(session: Session, scope: Scope, object: str, ids: Sequence[UUID]) -> None:
    for id in ids:
        audit.record(
            session,
            scope.actor,
            "payload.read",
            object,
            str(id),
            policy_version=scope.version,
        )
