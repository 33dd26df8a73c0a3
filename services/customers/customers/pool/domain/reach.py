"""Who gains and who loses sight of data when customers become one. Pure set arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Shift:
    """People who see more afterwards than before, and people who see less."""

    gained: tuple[UUID, ...]
    lost: tuple[UUID, ...]


def shift(survivor: frozenset[UUID], absorbed: Sequence[frozenset[UUID]]) -> Shift:
    """After a merge those who see the survivor see everything, and nobody else sees anything."""
    gained = {user for user in survivor for before in absorbed if user not in before}
    lost = {user for before in absorbed for user in before if user not in survivor}
    return Shift(tuple(sorted(gained)), tuple(sorted(lost)))
