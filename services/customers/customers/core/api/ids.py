"""An id arrives as text; one that is no UUID is refused by the name of its field."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from chassis.errors import BadInput

MAX_IDS = 500


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


def uuids(texts: Sequence[str] | None, field: str) -> list[UUID]:
    """The UUIDs of some ids, at most 500."""
    given = texts or []
    if len(given) > MAX_IDS:
        raise BadInput(
            f"{field} has {len(given)} ids; at most {MAX_IDS} are allowed.",
            f"{field} 有 {len(given)} 个编号，最多 {MAX_IDS} 个。",
            field=field,
        )
    return [uuid(text, f"{field}.{index}") for index, text in enumerate(given)]
