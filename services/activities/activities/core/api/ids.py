"""An id arrives as text; one that is no UUID is refused by the name of its field."""

from __future__ import annotations

from uuid import UUID

from chassis.errors import BadInput


def uuid(text: str, field: str) -> UUID:
    """The UUID of an id."""
    try:
        return UUID(text)
    except ValueError as problem:
        raise BadInput(
            f'{field} "{text[:60]}" is not an id; use the id of a node that a query returned.',
            f"{field} “{text[:60]}”不是有效的编号，请使用查询返回的 id。",
            field=field,
        ) from problem
