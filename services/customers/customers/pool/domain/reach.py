"""Which users gain or lose access to data when customers are merged. Pure set arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Shift:
    """The users who see more afterwards than before, and those who see less."""

    gained: tuple[UUID, ...]
    lost: tuple[UUID, ...]


def shift(survivor: frozenset[UUID], absorbed: Sequence[frozenset[UUID]]) -> Shift:
    """Compare who sees the survivor with who saw each absorbed customer.

    After a merge the users who see the survivor see everything, and no other user sees anything.
    """
    gained = {user for user in survivor for viewers in absorbed if user not in viewers}
    lost = {user for viewers in absorbed for user in viewers if user not in survivor}
    return Shift(tuple(sorted(gained)), tuple(sorted(lost)))
