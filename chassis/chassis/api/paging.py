"""Relay connections over keyset cursors: a page costs the same wherever it lies.

A cursor is the sort values of its row, opaque to the client. Sort columns must not be null and the
last of them must be unique.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

import orjson
import strawberry
from sqlalchemy import ColumnElement, Row, Select, and_, or_, tuple_
from sqlalchemy.orm import Session

from chassis.errors import BadInput

T = TypeVar("T")
R = TypeVar("R")
S = TypeVar("S")

Direction = Literal["asc", "desc"]
Order = Sequence[tuple[ColumnElement[Any], Direction]]

DEFAULT_FIRST = 20
MAX_FIRST = 100

First = Annotated[int, strawberry.argument(description=f"The page size, 1 to {MAX_FIRST}.")]
After = Annotated[
    str | None,
    strawberry.argument(
        description="The `endCursor` of the previous page. Left out: the first page."
    ),
]


@strawberry.federation.type(
    shareable=True, description="The ends of a page, and whether there are pages beyond them."
)
class PageInfo:
    """The ends of a page."""

    has_next_page: bool = strawberry.field(description="Whether another page follows.")
    has_previous_page: bool = strawberry.field(description="Whether another page precedes.")
    start_cursor: str | None = strawberry.field(
        description="The cursor of the first edge; null on an empty page."
    )
    end_cursor: str | None = strawberry.field(
        description="The cursor of the last edge; null on an empty page."
    )


@strawberry.type(description="An item of a page with its cursor.")
class Edge(Generic[T]):
    """An item of a page."""

    cursor: str = strawberry.field(description="Pass this as `after` to get the items that follow.")
    node: T = strawberry.field(description="The item.")


@strawberry.type(description="A page of items.")
class Connection(Generic[T]):
    """A page of items, as Relay defines connections."""

    edges: list[Edge[T]] = strawberry.field(description="The items of this page, in order.")
    page_info: PageInfo = strawberry.field(
        description="The ends of the page, to request the next one."
    )


@dataclass(frozen=True, slots=True)
class Window:
    """The requested page. Raise `BadInput` for a size outside 1…100."""

    first: int = DEFAULT_FIRST
    after: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.first <= MAX_FIRST:
            raise BadInput(
                f"first is {self.first}; it must be between 1 and {MAX_FIRST}.",
                f"first 为 {self.first}，必须在 1 到 {MAX_FIRST} 之间。",
                field="first",
            )


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """Rows of one page with their cursors."""

    rows: Sequence[R]
    cursors: Sequence[str]
    has_next: bool
    has_previous: bool

    def map(self, convert: Callable[[R], S]) -> Page[S]:
        """Convert every row; cursors and ends stay those of this page."""
        rows = [convert(row) for row in self.rows]
        return Page(rows, self.cursors, self.has_next, self.has_previous)


def page(
    session: Session, statement: Select[Any], *, order: Order, window: Window
) -> Page[Row[Any]]:
    """Run a statement for one page; one extra row is read to know whether another page follows."""
    keys = [column.label(f"_key{i}") for i, (column, _) in enumerate(order)]
    sorted_ = statement.add_columns(*keys).order_by(
        *(column.desc() if direction == "desc" else column.asc() for column, direction in order)
    )
    if window.after is not None:
        sorted_ = sorted_.where(beyond(order, decode(window.after, order)))
    rows = session.execute(sorted_.limit(window.first + 1)).all()
    shown = rows[: window.first]
    return Page(
        rows=shown,
        cursors=[encode([row[i - len(keys)] for i in range(len(keys))]) for row in shown],
        has_next=len(rows) > window.first,
        has_previous=window.after is not None,
    )


def beyond(order: Order, values: Sequence[Any]) -> ColumnElement[bool]:
    """Return the condition on rows that sort after these values."""
    columns = [column for column, _ in order]
    directions = {direction for _, direction in order}
    if (
        len(directions) == 1
    ):  # one comparison of row values, which an index on the same columns serves
        row, edge = tuple_(*columns), tuple_(*values)
        return row < edge if directions == {"desc"} else row > edge
    terms = []
    for i, (column, direction) in enumerate(order):
        same = [columns[before] == values[before] for before in range(i)]
        terms.append(and_(*same, column < values[i] if direction == "desc" else column > values[i]))
    return or_(*terms)


def connect(
    page: Page[R],
    node: Callable[[R], T],
    connection: type[Any] = Connection,
    **fields: Any,
) -> Any:
    """Return the GraphQL connection of a page; `fields` are those that a subclass adds."""
    return connection(
        edges=[
            Edge(cursor=cursor, node=node(row))
            for cursor, row in zip(page.cursors, page.rows, strict=True)
        ],
        page_info=PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=page.cursors[0] if page.cursors else None,
            end_cursor=page.cursors[-1] if page.cursors else None,
        ),
        **fields,
    )


def encode(values: Sequence[Any]) -> str:
    """Return the cursor of a row with these sort values."""
    raw = orjson.dumps([str(value) if isinstance(value, Decimal) else value for value in values])
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(cursor: str, order: Order) -> list[Any]:
    """Return the sort values of a cursor. Raise `BadInput` for one of another list."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        values = orjson.loads(base64.urlsafe_b64decode(padded))
        if not isinstance(values, list) or len(values) != len(order):
            raise ValueError("wrong number of sort values")
        return [_restore(value, column) for value, (column, _) in zip(values, order, strict=True)]
    except (ValueError, TypeError, binascii.Error) as problem:
        raise BadInput(
            "after is not a cursor of this list; use an endCursor that this query returned.",
            "after 不是本列表返回的游标，请使用上一页的 endCursor。",
            field="after",
        ) from problem


def _restore(value: Any, column: ColumnElement[Any]) -> Any:
    kind = column.type.python_type
    if kind is datetime:
        return datetime.fromisoformat(value)
    if kind is date:
        return date.fromisoformat(value)
    if kind is UUID:
        return UUID(value)
    if kind is Decimal:
        return Decimal(value)
    if isinstance(value, bool) is not (kind is bool) or not isinstance(value, kind):
        raise TypeError("wrong kind of sort value")
    return value
