"""What becomes of a delivered record, and what its sealed payload is bound to; pure."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID


class Outcome(StrEnum):
    """The customer pool's verdict on one delivered record."""

    CREATED = "CREATED"
    UPDATED = "UPDATED"
    UNCHANGED = "UNCHANGED"
    MATCHED = "MATCHED"
    AMBIGUOUS = "AMBIGUOUS"
    REJECTED = "REJECTED"


class Stage(StrEnum):
    """The step of a sync at which a record became a dead letter."""

    MAP = "MAP"
    DELIVER = "DELIVER"


def dead_letter_associated_data(installation: UUID, stream: str, record_key: str) -> str:
    """Return the associated data that binds a sealed payload to its dead letter."""
    return f"dead_letter.payload|{installation}|{stream}|{record_key}"


def source_record_associated_data(id: UUID) -> str:
    """Return the associated data that binds a sealed payload to its source record."""
    return f"source_record.payload|{id}"
