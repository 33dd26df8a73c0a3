"""Audit events, recorded as facts in the transaction of the work they document.

Identity keeps the ledger. Values of personal data never travel in clear: the caller masks them.

What all events of a request have in common (purpose, address, policy version) is kept in a context
variable, so that no command has to pass it on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis import telemetry
from chassis.actor import Actor
from chassis.facts.outbox import record as record_fact
from chassis.facts.types import AUDIT_RECORDED

Event = dict[str, Any]


@dataclass(slots=True)
class Circumstances:
    """What all audit events of a request have in common."""

    purpose: str | None = None
    address: str | None = None
    operation: str | None = None
    policy_version: int | None = None
    standing_in_for: tuple[str, ...] = ()


_present: ContextVar[Circumstances | None] = ContextVar("circumstances", default=None)


@contextlib.contextmanager
def in_circumstances(circumstances: Circumstances) -> Iterator[Circumstances]:
    """Give all events recorded inside the circumstances of one request."""
    before = _present.set(circumstances)
    try:
        yield circumstances
    finally:
        _present.reset(before)


def set_policy(policy_version: int, standing_in_for: Iterable[UUID] = ()) -> None:
    """Set the policy version of this request, and the users for whom its caller acts."""
    present = _present.get()
    if present is not None:
        present.policy_version = policy_version
        present.standing_in_for = tuple(str(giver) for giver in standing_in_for)


@dataclass(frozen=True, slots=True)
class Entry:
    """One audit event before it is stored: the actor, the action and the object.

    `changes` is `{field: [before, after]}` with personal data masked. `protected` names the schema
    coordinate that guards a changed field, so that a reader of the ledger sees no more of the field
    than that coordinate allows. `purpose` and `policy_version` default to those of the request.
    """

    actor: Actor | None
    action: str
    object: str
    resource: str
    changes: Mapping[str, Any] | None = None
    details: Mapping[str, Any] | None = None
    protected: Mapping[str, str] | None = None
    purpose: str | None = None
    decision: str = "allow"
    policy_version: int | None = None


def event(entry: Entry) -> Event:
    """Build the JSON body of an audit event from an entry and the circumstances of the request."""
    present = _present.get() or Circumstances()
    actor = entry.actor
    details: dict[str, Any] = dict(entry.details or {})
    for name, value in (
        ("protected", dict(entry.protected or {})),
        ("on_behalf_of", str(actor.on_behalf_of) if actor and actor.on_behalf_of else None),
        ("standing_in_for", list(present.standing_in_for)),
        ("operation", present.operation),
        ("address", present.address),
    ):
        if value:
            details.setdefault(name, value)
    version = entry.policy_version
    return {
        "actor": str(actor.user_id) if actor else None,
        "session": str(actor.session_id) if actor and actor.session_id else None,
        "action": entry.action,
        "object": entry.object,
        "resource": entry.resource,
        "changes": dict(entry.changes or {}),
        "details": details,
        "purpose": entry.purpose or present.purpose,
        "decision": entry.decision,
        "policy_version": present.policy_version if version is None else version,
        "trace_id": telemetry.trace_id(),
    }


def record(session: Session, entry: Entry) -> None:
    """Record one audit event in the caller's transaction."""
    record_fact(session, AUDIT_RECORDED.about(entry.resource, event(entry)))


def record_all(session: Session, events: Sequence[Event]) -> None:
    """Record several audit events as one fact in the caller's transaction."""
    record_fact(session, AUDIT_RECORDED.about("", {"events": list(events)}))
