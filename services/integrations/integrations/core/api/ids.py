"""Parse ids; a text that is not a UUID is refused with the name of its field."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from chassis.errors import BadInput


def uuid(text: str, field: str) -> UUID:
    """Return the UUID of an id. Raises `BadInput`."""
    try:
        return UUID(text)
    except ValueError as problem:
        raise BadInput(
            f'{field} "{text[:60]}" is not an id; use the id of a node that a query returned.',
            f"{field} “{text[:60]}”不是有效的编号，请使用查询返回的 id。",
            field=field,
        ) from problem


def uuids(texts: Sequence[str], field: str) -> list[UUID]:
    """Return the UUIDs of ids without repetitions. Raises `BadInput`."""
    return list(dict.fromkeys(uuid(text, f"{field}.{index}") for index, text in enumerate(texts)))
