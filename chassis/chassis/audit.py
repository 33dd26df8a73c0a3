"""An audit event is written with the work it tells of: a fact in the same transaction.

Identity keeps the ledger. Values of personal data never travel in clear: the caller masks them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from chassis import telemetry
from chassis.actor import Actor
from chassis.outbox import Fact, record as record_fact

FACT = "audit.recorded"


def record(
    session: Session,
    actor: Actor | None,
    action: str,
    object: str,
    resource: str,
    *,
    changes: Mapping[str, Any] | None = None,
    purpose: str | None = None,
    decision: str = "allow",
    policy_version: int | None = None,
) -> None:
    """Tells who did what to which thing. `changes` is `{field: [before, after]}`, masked."""
    record_fact(
        session,
        Fact(
            FACT,
            resource,
            {
                "actor": str(actor.user_id) if actor else None,
                "session": str(actor.session_id) if actor and actor.session_id else None,
                "action": action,
                "object": object,
                "resource": resource,
                "changes": dict(changes or {}),
                "purpose": purpose,
                "decision": decision,
                "policy_version": policy_version,
                "trace_id": telemetry.trace_id(),
            },
        ),
    )
