"""An alert: somebody did more of something than is usual, and somebody else has to look at it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

from identity.core.domain.ids import AccessAlertId
from identity.ledger.domain.alert_rule import AlertKind


class AlertStatus(Enum):
    """How far somebody has looked at it."""

    OPEN = "OPEN"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    RESOLVED = "RESOLVED"


@dataclass(frozen=True, slots=True)
class AccessAlert:
    """One alert. It grows while what raised it goes on."""

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
    """Which alerts a list is about; what is left out does not matter."""

    statuses: tuple[AlertStatus, ...] = ()
    kind: AlertKind | None = None
    subject: UUID | None = None
