"""The facts of all services that identity handles."""

from __future__ import annotations

from collections.abc import Mapping

from chassis.facts.stream import Handler
from chassis.facts.types import AUDIT_RECORDED, RIGHTS_USED
from identity.ledger.facts.audit_event import audit_recorded
from identity.ledger.facts.right_use import rights_used

LISTENS_TO = ("identity", "customers", "activities", "integrations")
HANDLERS: Mapping[str, Handler] = {
    AUDIT_RECORDED.name: audit_recorded,
    RIGHTS_USED.name: rights_used,
}
