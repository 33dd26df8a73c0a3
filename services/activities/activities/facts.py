"""What other services tell us: who may see which customer, and which customers are one.

Handlers may see a fact again and facts may overtake each other; the version in each row decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from activities.commands.customer import project
from activities.domain.ids import CustomerId
from activities.store.customer import Access
from chassis.stream import Handler, Received

LISTENS_TO = ("customers",)


def customers_changed(session: Session, fact: Received) -> None:
    """Take over who may see the customers a fact speaks of."""
    project(session, [_access(row) for row in fact.body["access"]])


HANDLERS: Mapping[str, Handler] = {
    "customers.changed": customers_changed,
    # A merge and its taking back arrive as the present `merged_into` of everybody involved.
    "customers.merged": customers_changed,
    "customers.unmerged": customers_changed,
}


def _access(row: Mapping[str, Any]) -> Access:
    merged_into = _uuid(row.get("merged_into"))
    return Access(
        id=CustomerId(UUID(row["id"])),
        owner=_uuid(row.get("owner")),
        department=_uuid(row.get("department")),
        collaborators=tuple(UUID(id) for id in row.get("collaborators") or ()),
        merged_into=CustomerId(merged_into) if merged_into else None,
        version=int(row["version"]),
    )


def _uuid(text: str | None) -> UUID | None:
    return UUID(text) if text else None
