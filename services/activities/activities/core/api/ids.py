"""Ids arrive as text and are converted here."""

from __future__ import annotations

from uuid import UUID

from chassis.errors import BadInput


def uuid(text: str, field: str) -> UUID:
    """Return an id as a UUID. Raise `BadInput` with the field's name for another text."""
    try:
        return UUID(text)
    except ValueError as problem:
        raise BadInput(
            f'{field} "{text[:60]}" is not an id; use the id of a node that a query returned.',
            f"{field} “{text[:60]}”不是有效的编号，请使用查询返回的 id。",
            field=field,
        ) from problem
