"""What a sealed payload is bound to, so that it opens nowhere else."""

from __future__ import annotations

from uuid import UUID


def letter_place(installation: UUID, stream: str, record_key: str) -> str:
    """A dead letter's payload."""
    return f"dead_letter.payload|{installation}|{stream}|{record_key}"


def record_place(id: UUID) -> str:
    """A source record's payload."""
    return f"source_record.payload|{id}"
