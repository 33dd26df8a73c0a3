"""Audit events, and the filter of a list of them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.errors import BadInput
from identity.core.domain.ids import AuditEventId, UserId


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """Which user did what to which object, when, and how the policy decided."""

    id: AuditEventId
    at: datetime
    service: str
    actor: UserId | None
    session: UUID | None
    action: str
    object: str
    resource: str
    changes: dict[str, Any]
    details: dict[str, Any]
    purpose: str | None
    decision: str
    policy_version: int | None
    trace_id: str | None


@dataclass(frozen=True, slots=True)
class Filter:
    """Filter of a list of events; fields left out do not restrict it."""

    actor: UserId | None = None
    service: str | None = None
    actions: tuple[str, ...] = ()
    object: str | None = None
    resource: str | None = None
    coordinate: str | None = None
    purpose: str | None = None
    decision: str | None = None
    trace_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    through: datetime | None = None

    def __post_init__(self) -> None:
        if self.since and self.until and self.since >= self.until:
            raise BadInput(
                "since must be before until; exchange them or leave one out.",
                "since 必须早于 until，请调换或省略其一。",
                field="filter.since",
            )
        for name in ("since", "until"):
            moment: datetime | None = getattr(self, name)
            if moment is not None and moment.tzinfo is None:
                raise BadInput(
                    f"{name} has no time zone; write 2026-01-31T08:00:00Z or …+08:00.",
                    f"{name} 缺少时区，请写成 2026-01-31T08:00:00Z 或 …+08:00。",
                    field=f"filter.{name}",
                )


def filter_details(filter: Filter) -> dict[str, Any]:
    """Return the values of a filter, as the ledger records them for a read of itself."""
    values = {
        filter_field.name: getattr(filter, filter_field.name) for filter_field in fields(filter)
    }
    return {
        name: list(value) if isinstance(value, tuple) else str(value)
        for name, value in values.items()
        if value
    }


def changes_of(value: Any) -> list[tuple[str, str | None, str | None]]:
    """Return the changed fields with their texts before and after, as the writer masked them."""
    if not isinstance(value, dict):
        return []
    return [(field, *_pair(pair)) for field, pair in sorted(value.items())]


def _pair(value: Any) -> tuple[str | None, str | None]:
    if isinstance(value, list) and len(value) == 2:
        return _text(value[0]), _text(value[1])
    return None, _text(value)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
