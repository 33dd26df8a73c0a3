"""Customers as rows: reading them takes a Scope, and an id that was merged away leads to the survivor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Column,
    ColumnElement,
    DateTime,
    FromClause,
    Integer,
    Row,
    Select,
    Table,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    column,
    false,
    func,
    or_,
    select,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from chassis.api.paging import Order, Page, Window, page
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
CUSTOMER_TAG = table("customer_tag", column("customer_id", Uuid), column("tag_id", Uuid))
LINK = table("link", column("customer_id", Uuid), column("system", Text))


def access_columns(of: FromClause) -> RowColumns:
    """The columns of customers that a scope filters by."""
    return RowColumns(of.c.owner_id, of.c.department_id, of.c.collaborators, of.c.id, of.c.projects)


ACCESS = access_columns(customer)


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """One customer as the pool believes it now."""

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
        return RowAccess(
            self.owner_id, self.department_id, self.collaborators, self.id, self.projects
        )


SHOWN = [column for column in customer.columns if column.name not in ("name_key", "name_grams")]

_LISTS = [SHOWN.index(customer.c.collaborators), SHOWN.index(customer.c.projects)]


def row_of(found: Row[Any] | Sequence[Any]) -> CustomerRow:
    """The dataclass of a row that starts with the columns of `SHOWN`."""
    values = list(found[: len(SHOWN)])
    for index in _LISTS:
        values[index] = tuple(values[index])
    return CustomerRow(*values)


def by_ids(session: Session, scope: Scope, ids: Sequence[UUID]) -> list[CustomerRow | None]:
    """Customers in the order of the ids, `None` for a gap or one out of scope; redirects followed."""
    asked = customer.alias("asked")
    wanted = bindparam("ids", list(ids), type_=ARRAY(Uuid()))
    statement = (
        select(*SHOWN, asked.c.id.label("asked_id"))
        .join(asked, customer.c.id == func.coalesce(asked.c.merged_into, asked.c.id))
        .where(asked.c.id == any_(wanted), scope.where(ACCESS))
    )
    rows = session.execute(statement).all()
    found = in_order(ids, rows, lambda row: row.asked_id)
    return [None if row is None else row_of(row) for row in found]


def by_ids_unscoped(session: Session, ids: Iterable[UUID]) -> dict[UUID, CustomerRow]:
    """For commands that have their proof already and must see what they touch, redirects and all."""
    statement = select(*SHOWN).where(among(customer.c.id, ids))
    return {row.id: row_of(row) for row in session.execute(statement)}


def access_of(session: Session, ids: Sequence[UUID]) -> dict[UUID, RowAccess]:
    """What row scopes see of these customers, for questions about other people's access; redirects
    followed. Nothing else of a row leaves here, so it takes no scope."""
    asked = customer.alias("asked")
    wanted = bindparam(None, list(ids), type_=ARRAY(Uuid()))
    statement = (
        select(
            asked.c.id,
            customer.c.owner_id,
            customer.c.department_id,
            customer.c.collaborators,
            customer.c.projects,
            customer.c.id.label("present_id"),
        )
        .join(asked, customer.c.id == func.coalesce(asked.c.merged_into, asked.c.id))
        .where(asked.c.id == any_(wanted))
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


@dataclass(frozen=True, slots=True)
class Search:
    """What a list of customers is narrowed to. Every condition given must hold."""

    text: str | None = None
    kinds: Sequence[str] = ()
    lifecycles: Sequence[str] = ()
    owners: Sequence[UUID] = ()
    departments: Sequence[UUID] = ()
    projects: Sequence[UUID] = ()
    in_pool: bool | None = None
    tags: Sequence[UUID] = ()
    sources: Sequence[str] = ()
    regions: Sequence[str] = ()
    industries: Sequence[str] = ()
    updated_after: datetime | None = None
    ids: Sequence[UUID] = ()


SORTS: Mapping[str, Order] = {
    "UPDATED_AT_DESC": [(customer.c.updated_at, "desc"), (customer.c.id, "desc")],
    "CREATED_AT_DESC": [(customer.c.created_at, "desc"), (customer.c.id, "desc")],
    "NAME_ASC": [(customer.c.name_key, "asc"), (customer.c.id, "asc")],
}
COUNT_CAP = 10_000


def listed(
    session: Session, scope: Scope, search: Search, sort: str, window: Window
) -> Page[Row[Any]]:
    """One page of the customers in scope."""
    return page(
        session,
        select(*SHOWN).where(*_conditions(scope, search)),
        order=SORTS[sort],
        window=window,
    )


def count(session: Session, scope: Scope, search: Search) -> int:
    """How many there are, counted no further than one above the cap."""
    some = select(customer.c.id).where(*_conditions(scope, search)).limit(COUNT_CAP + 1)
    return session.execute(select(func.count()).select_from(some.subquery())).scalar_one()


def everything(
    session: Session, scopes: Sequence[Scope], search: Search, batch: int
) -> Iterator[list[CustomerRow]]:
    """All customers that every one of these scopes reaches, by name, through a cursor of the server:
    memory holds one batch, however many there are."""
    first, *others = scopes
    statement = (
        select(*SHOWN)
        .where(*_conditions(first, search), *(other.where(ACCESS) for other in others))
        .order_by(customer.c.name_key, customer.c.id)
    )
    found = session.execute(statement, execution_options={"yield_per": batch})
    for rows in found.partitions():
        yield [row_of(row) for row in rows]


def count_within(session: Session, scopes: Sequence[Scope], search: Search, most: int) -> int:
    """How many `everything` gives, counted no further than one above `most`."""
    first, *others = scopes
    where = (*_conditions(first, search), *(other.where(ACCESS) for other in others))
    some = select(customer.c.id).where(*where).limit(most + 1)
    return session.execute(select(func.count()).select_from(some.subquery())).scalar_one()


def moved(session: Session, before: Scope | None, after: Scope | None) -> tuple[int, int]:
    """How many customers the second scope reaches and the first does not, and the other way
    round; each counted no further than one above the cap."""
    old, new = (scope.where(ACCESS) if scope else false() for scope in (before, after))

    def only(one: ColumnElement[bool], other: ColumnElement[bool]) -> int:
        # A condition on an empty owner or department is neither true nor false; here it is false.
        beyond = one, ~func.coalesce(other, false())
        some = select(customer.c.id).where(customer.c.merged_into.is_(None), *beyond)
        counted = select(func.count()).select_from(some.limit(COUNT_CAP + 1).subquery())
        return session.execute(counted).scalar_one()

    return only(new, old), only(old, new)


def opened(
    session: Session, pairs: Sequence[tuple[Sequence[Scope], Sequence[Scope]]]
) -> tuple[int, int]:
    """Of how many customers something comes into the clear, and of how many something leaves it.

    Each pair is about one field: the scopes that all must reach a row for it to be clear, before
    and after; none at all means that it never is.
    """
    ways: tuple[list[ColumnElement[bool]], list[ColumnElement[bool]]] = [], []
    for before, after in pairs:
        old, new = (
            func.coalesce(and_(*(scope.where(ACCESS) for scope in side)), false())
            if side
            else false()
            for side in (before, after)
        )
        ways[0].append(and_(new, ~old))
        ways[1].append(and_(old, ~new))
    counts = []
    for way in ways:
        some = select(customer.c.id).where(customer.c.merged_into.is_(None), or_(false(), *way))
        counted = select(func.count()).select_from(some.limit(COUNT_CAP + 1).subquery())
        counts.append(session.execute(counted).scalar_one())
    return counts[0], counts[1]


def _conditions(scope: Scope, search: Search) -> list[ColumnElement[bool]]:
    return [scope.where(ACCESS), *conditions(search)]


def conditions(search: Search) -> list[ColumnElement[bool]]:
    """What a search asks of a row; who may see the row is asked beside it."""
    columns = customer.c
    found: list[ColumnElement[bool]] = [columns.merged_into.is_(None)]
    if search.text is not None:
        found += _contains(search.text)
    for text_column, texts in (
        (columns.kind, search.kinds),
        (columns.lifecycle, search.lifecycles),
        (columns.region, search.regions),
        (columns.industry, search.industries),
    ):
        if texts:
            found.append(among(text_column, texts))
    for id_column, ids in (
        (columns.owner_id, search.owners),
        (columns.department_id, search.departments),
        (columns.id, search.ids),
    ):
        if ids:
            found.append(among(id_column, ids))
    if search.projects:
        wanted = bindparam(None, list(search.projects), type_=ARRAY(Uuid()))
        found.append(columns.projects.op("&&", is_comparison=True)(wanted))
    if search.in_pool is not None:
        free = columns.owner_id.is_(None)
        found.append(free if search.in_pool else ~free)
    if search.tags:
        found.append(columns.id.in_(_tagged(search.tags)))
    if search.sources:
        found.append(columns.id.in_(_from_systems(search.sources)))
    if search.updated_after is not None:
        found.append(columns.updated_at > search.updated_after)
    return found


def _contains(wanted: str) -> list[ColumnElement[bool]]:
    """Full substring recall: the grams find, LIKE makes sure."""
    key = names.search_key(wanted) or wanted.strip().casefold()
    if not key:
        return []
    grams = bindparam(None, names.query_grams(key), type_=ARRAY(Text()))
    return [
        customer.c.name_grams.op("@>", is_comparison=True)(grams),
        customer.c.name_key.contains(key, autoescape=True),
    ]


def _tagged(tags: Sequence[UUID]) -> Select[Any]:
    wanted = bindparam(None, list(tags), type_=ARRAY(Uuid()))
    return select(CUSTOMER_TAG.c.customer_id).where(CUSTOMER_TAG.c.tag_id == any_(wanted))


def _from_systems(systems: Sequence[str]) -> Select[Any]:
    return select(LINK.c.customer_id).where(among(LINK.c.system, systems))


def golden_columns(values: Mapping[str, str]) -> dict[str, Any]:
    """The columns that hold a golden record."""
    columns: dict[str, Any] = {field: values.get(field) for field in FIELDS}
    columns["lifecycle"] = values.get("lifecycle", DEFAULT_LIFECYCLE)
    key = names.search_key(values["name"]) or values["name"].casefold()
    return columns | {"name_key": key, "name_grams": names.grams(key)}


def golden_of(row: CustomerRow) -> dict[str, str]:
    """The golden record that a row holds; the lifecycle nobody claimed is left out."""
    values = {field: value for field in FIELDS if (value := getattr(row, field)) is not None}
    if values.get("lifecycle") == DEFAULT_LIFECYCLE:
        del values["lifecycle"]
    return values


def insert(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    bulk.insert(session, "customer", rows)


def update(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes these columns by id; each row becomes a new version."""
    bulk.update(session, "customer", rows, "version = customer.version + 1, updated_at = now()")


def touch(session: Session, ids: Iterable[UUID]) -> None:
    """A new version of customers of which only what hangs on them changed."""
    session.execute(
        text("UPDATE customer SET version = version + 1, updated_at = now() WHERE id = ANY(:ids)"),
        {"ids": sorted(set(ids))},
    )


def access_rows(session: Session, ids: Iterable[UUID]) -> list[dict[str, Any]]:
    """What other services must know to show things of these customers to the right people."""
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
