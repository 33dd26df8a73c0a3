"""What sensitive values a request was given: noted by the redactors that gave them, told once per
operation, never field by field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

MOST_IDS = 200


@dataclass(slots=True)
class Disclosure:
    """What was shown of one kind of thing: which coordinates, how openly, and of which rows."""

    clear: set[str] = field(default_factory=set)
    masked: set[str] = field(default_factory=set)
    rows: dict[UUID, bool] = field(default_factory=dict)
    """Whether any value of the row came out in clear."""
    nameless: int = 0
    """Values of rows that did not say which they are."""

    def details(self) -> dict[str, object]:
        """For the ledger: the rows shown in clear come first, and only so many by their ids."""
        ids = sorted(self.rows, key=lambda id: not self.rows[id])
        return {
            "clear": sorted(self.clear),
            "masked": sorted(self.masked - self.clear),
            "rows": len(ids) or self.nameless,
            "clear_rows": sum(self.rows.values()) if ids else (self.nameless if self.clear else 0),
            "ids": [str(id) for id in ids[:MOST_IDS]],
        }


class Disclosures:
    """The sights of one request, by the object whose scope reached the rows."""

    __slots__ = ("_sights",)

    def __init__(self) -> None:
        self._sights: dict[str, Disclosure] = {}

    def note(self, object: str, coordinate: str, row: UUID | None, *, clear: bool) -> None:
        """One value was shown, at least in part."""
        sight = self._sights.get(object)
        if sight is None:
            sight = self._sights[object] = Disclosure()
        (sight.clear if clear else sight.masked).add(coordinate)
        if row is None:
            sight.nameless += 1
        else:
            sight.rows[row] = clear or sight.rows.get(row, False)

    def __iter__(self) -> Iterator[tuple[str, Disclosure]]:
        return iter(self._sights.items())
