"""The facts of all services that identity handles."""

from __future__ import annotations

from collections.abc import Mapping

from chassis import right_usage
from chassis.audit import FACT
from chassis.stream import Handler
from identity.ledger.facts.audit_event import audit_recorded
from identity.ledger.facts.right_use import rights_used

LISTENS_TO = ("identity", "customers", "activities", "integrations")
HANDLERS: Mapping[str, Handler] = {FACT: audit_recorded, right_usage.FACT: rights_used}
