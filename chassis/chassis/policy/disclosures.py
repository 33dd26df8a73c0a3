"""The sensitive values that a request disclosed, noted by redactors, recorded per operation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

MOST_IDS = 200


@dataclass(slots=True)
class Disclosure:
    """What was disclosed of one kind of object: coordinates in clear and masked, and rows."""

    clear: set[str] = field(default_factory=set)
    masked: set[str] = field(default_factory=set)
    rows: dict[UUID, bool] = field(default_factory=dict)
    """Maps each row to whether any value of it was shown in clear."""
    unidentified: int = 0
    """The number of values of rows without an id."""

    def details(self) -> dict[str, object]:
        """Return the details for the audit event; at most `MOST_IDS` ids, rows in clear first."""
        ids = sorted(self.rows, key=lambda id: not self.rows[id])
        return {
            "clear": sorted(self.clear),
            "masked": sorted(self.masked - self.clear),
            "rows": len(ids) or self.unidentified,
            "clear_rows": sum(self.rows.values())
            if ids
            else (self.unidentified if self.clear else 0),
            "ids": [str(id) for id in ids[:MOST_IDS]],
        }


class Disclosures:
    """The disclosures of one request, by the object whose scope reached the rows."""

    __slots__ = ("_by_object",)

    def __init__(self) -> None:
        self._by_object: dict[str, Disclosure] = {}

    def note(self, object: str, coordinate: str, row: UUID | None, *, clear: bool) -> None:
        """Note that a value was shown, at least in part."""
        disclosure = self._by_object.get(object)
        if disclosure is None:
            disclosure = self._by_object[object] = Disclosure()
        (disclosure.clear if clear else disclosure.masked).add(coordinate)
        if row is None:
            disclosure.unidentified += 1
        else:
            disclosure.rows[row] = clear or disclosure.rows.get(row, False)

    def __iter__(self) -> Iterator[tuple[str, Disclosure]]:
        return iter(self._by_object.items())
