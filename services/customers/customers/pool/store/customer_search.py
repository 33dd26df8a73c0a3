"""Lists and counts of customers: a search within scopes, page by page or as a stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
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
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from chassis.api.paging import Order, Page, Window, page
from chassis.db import among
from chassis.policy.scope import Scope
from customers.pool.domain import name as names
from customers.pool.store.customer import ACCESS, SHOWN, CustomerRow, customer, row_of

CUSTOMER_TAG = table("customer_tag", column("customer_id", Uuid), column("tag_id", Uuid))
LINK = table("link", column("customer_id", Uuid), column("system", Text))


@dataclass(frozen=True, slots=True)
class Search:
    """The conditions of a list of customers; all that are set must hold."""

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


def list_page(
    session: Session, scope: Scope, search: Search, sort: str, window: Window
) -> Page[Row[Any]]:
    """Return a page of the customers in scope."""
    return page(
        session,
        select(*SHOWN).where(*_conditions(scope, search)),
        order=SORTS[sort],
        window=window,
    )


def count(session: Session, scope: Scope, search: Search) -> int:
    """Count the customers in scope, no further than one above the cap."""
    return _count_up_to(session, _conditions(scope, search), COUNT_CAP)


def _count_up_to(session: Session, where: Sequence[ColumnElement[bool]], limit: int) -> int:
    rows = select(customer.c.id).where(*where).limit(limit + 1)
    return session.execute(select(func.count()).select_from(rows.subquery())).scalar_one()


def stream(
    session: Session, scopes: Sequence[Scope], search: Search, batch: int
) -> Iterator[list[CustomerRow]]:
    """Yield all customers that every scope reaches, by name, in batches.

    They are read through a server-side cursor, so memory holds one batch, however many there are.
    """
    first, *others = scopes
    statement = (
        select(*SHOWN)
        .where(*_conditions(first, search), *(other.where(ACCESS) for other in others))
        .order_by(customer.c.name_key, customer.c.id)
    )
    result = session.execute(statement, execution_options={"yield_per": batch})
    for rows in result.partitions():
        yield [row_of(row) for row in rows]


def count_within(session: Session, scopes: Sequence[Scope], search: Search, limit: int) -> int:
    """Count the customers that `stream` yields, no further than one above `limit`."""
    first, *others = scopes
    where = [*_conditions(first, search), *(other.where(ACCESS) for other in others)]
    return _count_up_to(session, where, limit)


def count_gained_lost(
    session: Session, before: Scope | None, after: Scope | None
) -> tuple[int, int]:
    """Count the customers that only the second scope reaches, and those that only the first does.

    Each is counted no further than one above the cap.
    """
    old, new = (scope.where(ACCESS) if scope else false() for scope in (before, after))

    def count_only(included: ColumnElement[bool], excluded: ColumnElement[bool]) -> int:
        # A condition on an empty owner or department is neither true nor false; here it is false.
        where = [customer.c.merged_into.is_(None), included, ~func.coalesce(excluded, false())]
        return _count_up_to(session, where, COUNT_CAP)

    return count_only(new, old), count_only(old, new)


def count_cleared_masked(
    session: Session, pairs: Sequence[tuple[Sequence[Scope], Sequence[Scope]]]
) -> tuple[int, int]:
    """Count the customers of which a field becomes clear, and of which one no longer is.

    Each pair is about one field: the scopes that all must reach a row for it to be clear, before
    and after; no scope at all means that it never is.
    """
    opening: list[ColumnElement[bool]] = []
    closing: list[ColumnElement[bool]] = []
    for before, after in pairs:
        old, new = (
            func.coalesce(and_(*(scope.where(ACCESS) for scope in side)), false())
            if side
            else false()
            for side in (before, after)
        )
        opening.append(and_(new, ~old))
        closing.append(and_(old, ~new))
    present = customer.c.merged_into.is_(None)
    return (
        _count_up_to(session, [present, or_(false(), *opening)], COUNT_CAP),
        _count_up_to(session, [present, or_(false(), *closing)], COUNT_CAP),
    )


def _conditions(scope: Scope, search: Search) -> list[ColumnElement[bool]]:
    return [scope.where(ACCESS), *conditions(search)]


def conditions(search: Search) -> list[ColumnElement[bool]]:
    """Return the conditions of a search; scopes are checked in addition."""
    columns = customer.c
    where: list[ColumnElement[bool]] = [columns.merged_into.is_(None)]
    if search.text is not None:
        where += _contains(search.text)
    for text_column, texts in (
        (columns.kind, search.kinds),
        (columns.lifecycle, search.lifecycles),
        (columns.region, search.regions),
        (columns.industry, search.industries),
    ):
        if texts:
            where.append(among(text_column, texts))
    for id_column, ids in (
        (columns.owner_id, search.owners),
        (columns.department_id, search.departments),
        (columns.id, search.ids),
    ):
        if ids:
            where.append(among(id_column, ids))
    if search.projects:
        projects = bindparam(None, list(search.projects), type_=ARRAY(Uuid()))
        where.append(columns.projects.op("&&", is_comparison=True)(projects))
    if search.in_pool is not None:
        without_owner = columns.owner_id.is_(None)
        where.append(without_owner if search.in_pool else ~without_owner)
    if search.tags:
        where.append(columns.id.in_(_tagged(search.tags)))
    if search.sources:
        where.append(columns.id.in_(_from_systems(search.sources)))
    if search.updated_after is not None:
        where.append(columns.updated_at > search.updated_after)
    return where


def _contains(text_part: str) -> list[ColumnElement[bool]]:
    """Match names that contain a text: the gram index selects candidates, LIKE confirms them."""
    key = names.search_key(text_part) or text_part.strip().casefold()
    if not key:
        return []
    grams = bindparam(None, names.query_grams(key), type_=ARRAY(Text()))
    return [
        customer.c.name_grams.op("@>", is_comparison=True)(grams),
        customer.c.name_key.contains(key, autoescape=True),
    ]


def _tagged(tags: Sequence[UUID]) -> Select[Any]:
    ids = bindparam(None, list(tags), type_=ARRAY(Uuid()))
    return select(CUSTOMER_TAG.c.customer_id).where(CUSTOMER_TAG.c.tag_id == any_(ids))


def _from_systems(systems: Sequence[str]) -> Select[Any]:
    return select(LINK.c.customer_id).where(among(LINK.c.system, systems))
