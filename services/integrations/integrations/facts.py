"""The facts of other services that integrations listens to: access to customers, and merges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.facts.stream import Handler, Received
from integrations.access.commands import Access, project_access
from integrations.records.commands import move_links, move_links_back

LISTENS_TO = ("customers",)


def customers_changed(session: Session, fact: Received) -> None:
    """Update who may see the customers of the fact."""
    project_access(session, [_access(row) for row in fact.body.get("access") or ()])


def customers_merged(session: Session, fact: Received) -> None:
    """Move the source records of merged customers to the survivor."""
    customers_changed(session, fact)
    absorbed = [UUID(id) for id in fact.body["absorbed"]]
    move_links(session, UUID(fact.body["merge"]), UUID(fact.body["survivor"]), absorbed)


def customers_unmerged(session: Session, fact: Received) -> None:
    """Move source records back where a merge had found them."""
    customers_changed(session, fact)
    move_links_back(session, UUID(fact.body["merge"]), UUID(fact.body["survivor"]))


HANDLERS: Mapping[str, Handler] = {
    "customers.customer.changed": customers_changed,
    "customers.customer.merged": customers_merged,
    "customers.customer.unmerged": customers_unmerged,
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
