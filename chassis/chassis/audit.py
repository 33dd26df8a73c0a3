"""An audit event is written with the work it tells of: a fact in the same transaction.

Identity keeps the ledger. Values of personal data never travel in clear: the caller masks them.

What every event of a request has in common (what it is for, where it came from, the policy version
that decides) is kept beside the work, so that no command has to hand it on.
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
from chassis.outbox import Fact, record as record_fact

FACT = "audit.recorded"
Event = dict[str, Any]


@dataclass(slots=True)
class Circumstances:
    """How a request came, and under which policy it is answered."""

    purpose: str | None = None
    address: str | None = None
    operation: str | None = None
    policy_version: int | None = None
    standing_in_for: tuple[str, ...] = ()


_present: ContextVar[Circumstances | None] = ContextVar("circumstances", default=None)


@contextlib.contextmanager
def under(circumstances: Circumstances) -> Iterator[Circumstances]:
    """Everything told inside belongs to one request."""
    before = _present.set(circumstances)
    try:
        yield circumstances
    finally:
        _present.reset(before)


def decided_by(policy_version: int, standing_in_for: Iterable[UUID] = ()) -> None:
    """The request's questions are decided by this version, and by whose work its sender does too."""
    present = _present.get()
    if present is not None:
        present.policy_version = policy_version
        present.standing_in_for = tuple(str(giver) for giver in standing_in_for)


def event(
    actor: Actor | None,
    action: str,
    object: str,
    resource: str,
    *,
    changes: Mapping[str, Any] | None = None,
    details: Mapping[str, Any] | None = None,
    protected: Mapping[str, str] | None = None,
    purpose: str | None = None,
    decision: str = "allow",
    policy_version: int | None = None,
) -> Event:
    """Who did what to which thing. `changes` is `{field: [before, after]}`, masked; `protected` says
    which coordinate guards a changed field, so that a reader is shown no more than theirs allows."""
    present = _present.get() or Circumstances()
    told: dict[str, Any] = dict(details or {})
    for name, value in (
        ("protected", dict(protected or {})),
        ("on_behalf_of", str(actor.on_behalf_of) if actor and actor.on_behalf_of else None),
        ("standing_in_for", list(present.standing_in_for)),
        ("operation", present.operation),
        ("address", present.address),
    ):
        if value:
            told.setdefault(name, value)
    return {
        "actor": str(actor.user_id) if actor else None,
        "session": str(actor.session_id) if actor and actor.session_id else None,
        "action": action,
        "object": object,
        "resource": resource,
        "changes": dict(changes or {}),
        "details": told,
        "purpose": purpose or present.purpose,
        "decision": decision,
        "policy_version": present.policy_version if policy_version is None else policy_version,
        "trace_id": telemetry.trace_id(),
    }


def record(
    session: Session,
    actor: Actor | None,
    action: str,
    object: str,
    resource: str,
    *,
    changes: Mapping[str, Any] | None = None,
    details: Mapping[str, Any] | None = None,
    protected: Mapping[str, str] | None = None,
    purpose: str | None = None,
    decision: str = "allow",
    policy_version: int | None = None,
) -> None:
    """Tells of one event in the caller's transaction; the arguments are those of `event`."""
    body = event(
        actor,
        action,
        object,
        resource,
        changes=changes,
        details=details,
        protected=protected,
        purpose=purpose,
        decision=decision,
        policy_version=policy_version,
    )
    record_fact(session, Fact(FACT, resource, body))


def record_all(session: Session, events: Sequence[Event]) -> None:
    """Tells of several events in one fact."""
    record_fact(session, Fact(FACT, "", {"events": list(events)}))
