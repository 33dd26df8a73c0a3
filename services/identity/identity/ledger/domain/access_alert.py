"""An alert about unusual access, which another user than its subject has to decide."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

from identity.core.domain.ids import AccessAlertId
from identity.ledger.domain.alert_rule import AlertKind


class AlertStatus(Enum):
    """How far an alert has been handled."""

    OPEN = "OPEN"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    RESOLVED = "RESOLVED"


@dataclass(frozen=True, slots=True)
class AccessAlert:
    """An alert; it is extended while what raised it goes on."""

    id: AccessAlertId
    kind: AlertKind
    subject: UUID
    status: AlertStatus
    measure: int
    threshold: int
    usual: float | None
    begins: datetime
    ends: datetime
    raised_at: datetime
    note: str
    decided_by: UUID | None
    decided_at: datetime | None
    version: int


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Filter of a list of alerts; fields left out do not restrict it."""

    statuses: tuple[AlertStatus, ...] = ()
    kind: AlertKind | None = None
    subject: UUID | None = None
