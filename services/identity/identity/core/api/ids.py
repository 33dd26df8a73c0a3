"""Parse ids, which arrive as text."""

from __future__ import annotations

from uuid import UUID

from chassis.errors import BadInput


def uuid(text: str, field: str) -> UUID:
    """Return the UUID of an id. Raises `BadInput` with the name of the field."""
    try:
        return UUID(text)
    except ValueError as problem:
        raise BadInput(
            f'{field} "{text[:60]}" is not an id; use the id of a node that a query returned.',
            f"{field} “{text[:60]}”不是有效的编号，请使用查询返回的 id。",
            field=field,
        ) from problem


def maybe_uuid(text: str | None, field: str) -> UUID | None:
    """Return the UUID of an id that may be left out. Raises `BadInput`."""
    return uuid(text, field) if text is not None else None
