"""Customers as rows: reading takes a `Scope`, and an id that was merged leads to the survivor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Column,
    DateTime,
    FromClause,
    Integer,
    Row,
    Table,
    Text,
    Uuid,
    any_,
    bindparam,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from chassis.db import among, in_order
from chassis.policy.row_scopes import RowAccess, RowColumns
from chassis.policy.scope import Scope
from customers.core.store import bulk
from customers.core.store.metadata import metadata
from customers.pool.domain import name as names
from customers.pool.domain.fields import DEFAULT_LIFECYCLE, FIELDS

customer = Table(
    "customer",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("english_name", Text),
    Column("unified_social_credit_code", Text),
    Column("phone", Text),
    Column("email", Text),
    Column("website", Text),
    Column("industry", Text),
    Column("region", Text),
    Column("address", Text),
    Column("size", Text),
    Column("lifecycle", Text, nullable=False),
    Column("note", Text),
    Column("owner_id", Uuid),
    Column("department_id", Uuid),
    Column("collaborators", ARRAY(Uuid), nullable=False),
    Column("projects", ARRAY(Uuid), nullable=False, server_default="{}"),
    Column("merged_into", Uuid),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("name_key", Text, nullable=False),
    Column("name_grams", ARRAY(Text), nullable=False),
)


def access_columns(of: FromClause) -> RowColumns:
    """Return the columns of customers that a scope filters by."""
    return RowColumns(of.c.owner_id, of.c.department_id, of.c.collaborators, of.c.id, of.c.projects)


ACCESS = access_columns(customer)


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """One customer with its golden record."""

    id: UUID
    kind: str
    version: int
    name: str
    english_name: str | None
    unified_social_credit_code: str | None
    phone: str | None
    email: str | None
    website: str | None
    industry: str | None
    region: str | None
    address: str | None
    size: str | None
    lifecycle: str
    note: str | None
    owner_id: UUID | None
    department_id: UUID | None
    collaborators: tuple[UUID, ...]
    projects: tuple[UUID, ...]
    merged_into: UUID | None
    created_at: datetime
    updated_at: datetime

    @property
    def access(self) -> RowAccess:
        """Return the data by which scopes decide about the row."""
        return RowAccess(
            self.owner_id, self.department_id, self.collaborators, self.id, self.projects
        )


SHOWN = [column for column in customer.columns if column.name not in ("name_key", "name_grams")]

_LISTS = [SHOWN.index(customer.c.collaborators), SHOWN.index(customer.c.projects)]


def row_of(row: Row[Any] | Sequence[Any]) -> CustomerRow:
    """Build a customer from a selected row that starts with the columns of `SHOWN`."""
    values = list(row[: len(SHOWN)])
    for index in _LISTS:
        values[index] = tuple(values[index])
    return CustomerRow(*values)


def by_ids(session: Session, scope: Scope, ids: Sequence[UUID]) -> list[CustomerRow | None]:
    """Load customers in the order of the ids, `None` for a gap or one out of scope.

    An id that was merged away leads to the survivor.
    """
    requested = customer.alias("asked")
    parameter = bindparam("ids", list(ids), type_=ARRAY(Uuid()))
    statement = (
        select(*SHOWN, requested.c.id.label("asked_id"))
        .join(requested, customer.c.id == func.coalesce(requested.c.merged_into, requested.c.id))
        .where(requested.c.id == any_(parameter), scope.where(ACCESS))
    )
    rows = in_order(ids, session.execute(statement).all(), lambda row: row.asked_id)
    return [None if row is None else row_of(row) for row in rows]


def by_ids_unscoped(session: Session, ids: Iterable[UUID]) -> dict[UUID, CustomerRow]:
    """Load customers by id for code that checks scopes itself; redirects are not followed."""
    statement = select(*SHOWN).where(among(customer.c.id, ids))
    return {row.id: row_of(row) for row in session.execute(statement)}


def access_of(session: Session, ids: Sequence[UUID]) -> dict[UUID, RowAccess]:
    """Load the data by which scopes decide about customers, to explain the access of other users.

    An id that was merged away leads to the survivor. No other data of a row is returned, so it
    takes no scope.
    """
    requested = customer.alias("asked")
    parameter = bindparam(None, list(ids), type_=ARRAY(Uuid()))
    statement = (
        select(
            requested.c.id,
            customer.c.owner_id,
            customer.c.department_id,
            customer.c.collaborators,
            customer.c.projects,
            customer.c.id.label("present_id"),
        )
        .join(requested, customer.c.id == func.coalesce(requested.c.merged_into, requested.c.id))
        .where(requested.c.id == any_(parameter))
    )
    return {
        row.id: RowAccess(
            row.owner_id,
            row.department_id,
            tuple(row.collaborators),
            row.present_id,
            tuple(row.projects),
        )
        for row in session.execute(statement)
    }


def golden_columns(values: Mapping[str, str]) -> dict[str, Any]:
    """Return the columns that hold a golden record."""
    columns: dict[str, Any] = {field: values.get(field) for field in FIELDS}
    columns["lifecycle"] = values.get("lifecycle", DEFAULT_LIFECYCLE)
    key = names.search_key(values["name"]) or values["name"].casefold()
    return columns | {"name_key": key, "name_grams": names.grams(key)}


def golden_of(row: CustomerRow) -> dict[str, str]:
    """Return the golden record that a row holds; the default lifecycle is left out."""
    values = {field: value for field in FIELDS if (value := getattr(row, field)) is not None}
    if values.get("lifecycle") == DEFAULT_LIFECYCLE:
        del values["lifecycle"]
    return values


def insert(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert customers from their columns."""
    bulk.insert(session, "customer", rows)


def update(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Update columns by id; each row becomes a new version."""
    bulk.update(session, "customer", rows, "version = customer.version + 1, updated_at = now()")


def touch(session: Session, ids: Iterable[UUID]) -> None:
    """Make a new version of customers of which only contacts or tags changed."""
    session.execute(
        text("UPDATE customer SET version = version + 1, updated_at = now() WHERE id = ANY(:ids)"),
        {"ids": sorted(set(ids))},
    )


def access_rows(session: Session, ids: Iterable[UUID]) -> list[dict[str, Any]]:
    """Return the access data by which other services guard their rows of these customers."""
    rows = by_ids_unscoped(session, ids)
    return [
        {
            "id": str(row.id),
            "owner": str(row.owner_id) if row.owner_id else None,
            "department": str(row.department_id) if row.department_id else None,
            "collaborators": [str(id) for id in row.collaborators],
            "projects": [str(id) for id in row.projects],
            "version": row.version,
            "merged_into": str(row.merged_into) if row.merged_into else None,
        }
        for row in sorted(rows.values(), key=lambda row: row.id)
    ]
