"""What other services tell us: who may see which customer, and which customers are one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.facts.stream import Handler, Received
from integrations.access.commands import Access, project
from integrations.records.commands import move, move_back

LISTENS_TO = ("customers",)


def customers_changed(session: Session, fact: Received) -> None:
    """Takes over who may see the customers a fact speaks of."""
    project(session, [_access(row) for row in fact.body.get("access") or ()])


def customers_merged(session: Session, fact: Received) -> None:
    """Source records follow their customers into a merge."""
    customers_changed(session, fact)
    absorbed = [UUID(id) for id in fact.body["absorbed"]]
    move(session, UUID(fact.body["merge"]), UUID(fact.body["survivor"]), absorbed)


def customers_unmerged(session: Session, fact: Received) -> None:
    """What a merge moved goes back."""
    customers_changed(session, fact)
    move_back(session, UUID(fact.body["merge"]), UUID(fact.body["survivor"]))


HANDLERS: Mapping[str, Handler] = {
    "customers.changed": customers_changed,
    "customers.merged": customers_merged,
    "customers.unmerged": customers_unmerged,
}


def _access(row: Mapping[str, Any]) -> Access:
    return Access(
        id=UUID(row["id"]),
        owner=_uuid(row.get("owner")),
        department=_uuid(row.get("department")),
        collaborators=[UUID(id) for id in row.get("collaborators") or ()],
        projects=[UUID(id) for id in row.get("projects") or ()],
        merged_into=_uuid(row.get("merged_into")),
        version=int(row["version"]),
    )


def _uuid(text: str | None) -> UUID | None:
    return UUID(text) if text else None
