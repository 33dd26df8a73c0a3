"""How often a right was used."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

Right = tuple[str, str]
"""An object and an action of the rulebook."""


@dataclass(frozen=True, slots=True)
class Use:
    """How often a right was used in the period, and when last."""

    count: int
    last: date
