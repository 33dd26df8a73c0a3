"""What other services tell us: who may see which customer, which customers are one, and who left.

Handlers may see a fact again and facts may overtake each other; the version in each row decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from activities.commands import handover
from activities.commands.customer import project
from activities.domain.ids import CustomerId
from activities.store.customer import Access
from chassis.stream import Handler, Received

LISTENS_TO = ("customers", "identity")


def customers_changed(session: Session, fact: Received) -> None:
    """Take over who may see the customers a fact speaks of."""
    project(session, [_access(row) for row in fact.body["access"]])


def user_off_boarded(session: Session, fact: Received) -> None:
    """All open tasks of somebody who left are handed over; twice is the same as once."""
    handover.begin(session, fact.body, whole=True)


def user_changed_job(session: Session, fact: Received) -> None:
    """Their open tasks for customers of their old department are handed over."""
    handover.begin(session, fact.body, whole=False)


HANDLERS: Mapping[str, Handler] = {
    "customers.changed": customers_changed,
    # A merge and its taking back arrive as the present `merged_into` of everybody involved.
    "customers.merged": customers_changed,
    "customers.unmerged": customers_changed,
    "identity.user_off_boarded": user_off_boarded,
    "identity.user_changed_job": user_changed_job,
}


def _access(row: Mapping[str, Any]) -> Access:
    merged_into = _uuid(row.get("merged_into"))
    return Access(
        id=CustomerId(UUID(row["id"])),
        owner=_uuid(row.get("owner")),
        department=_uuid(row.get("department")),
        collaborators=tuple(UUID(id) for id in row.get("collaborators") or ()),
        projects=tuple(UUID(id) for id in row.get("projects") or ()),
        merged_into=CustomerId(merged_into) if merged_into else None,
        version=int(row["version"]),
    )


def _uuid(text: str | None) -> UUID | None:
    return UUID(text) if text else None
