"""The caller of a request."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Actor:
    """A user or a service account with its session; no rights, which live in the policy.

    `on_behalf_of` is the user for whom the actor acts by delegation, if not for itself.
    """

    user_id: UUID
    session_id: UUID | None = None
    locale: str = "en"
    on_behalf_of: UUID | None = None
