"""Parse ids of arguments; one that is no UUID is refused by the name of its field."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from chassis.errors import BadInput

MAX_IDS = 500


def uuid(text: str, field: str) -> UUID:
    """Parse an id. Raises `BadInput` under the name of its field."""
    try:
        return UUID(text)
    except ValueError as problem:
        raise BadInput(
            f'{field} "{text[:60]}" is not an id; use the id of a node that a query returned.',
            f"{field} “{text[:60]}”不是有效的编号，请使用查询返回的 id。",
            field=field,
        ) from problem


def uuids(texts: Sequence[str] | None, field: str) -> list[UUID]:
    """Parse a list of ids, at most 500. Raises `BadInput` under the name of its field."""
    ids = texts or []
    if len(ids) > MAX_IDS:
        raise BadInput(
            f"{field} has {len(ids)} ids; at most {MAX_IDS} are allowed.",
            f"{field} 有 {len(ids)} 个编号，最多 {MAX_IDS} 个。",
            field=field,
        )
    return [uuid(text, f"{field}.{index}") for index, text in enumerate(ids)]
