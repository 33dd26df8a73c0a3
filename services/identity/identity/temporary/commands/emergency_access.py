"""Take, end and review emergency access. All of it is in the ledger."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.audit import events as audit
from chassis.audit.events import Entry
from chassis.errors import Conflict, NotFound
from chassis.facts.outbox import record
from chassis.idempotency import run_idempotent
from chassis.policy.scope import Scope
from identity.core.commands import policy_version
from identity.core.domain import facts
from identity.core.domain.ids import EmergencyAccessId, UserId
from identity.people.store import user as users
from identity.temporary.domain import emergency_access as domain
from identity.temporary.domain.emergency_access import Verdict
from identity.temporary.store import emergency_access as store
from identity.temporary.store.emergency_access import EmergencyRow

OBJECT = "EmergencyAccess"


def take_emergency_access(
    session: Session, scope: Scope, customer: UUID, reason: str, minutes: int, key: str | None
) -> EmergencyAccessId:
    """Give the caller access to one customer for a short time and return the id of the access.

    What it permits is decided by rules with the rows `emergency`. Raises `BadInput` and
    `LimitExceeded`.
    """

    def run() -> dict[str, Any]:
        purpose, duration = domain.reason(reason), domain.duration(minutes)
        me = UserId(scope.actor.user_id)
        policy_version.hold(session)
        domain.refuse_many(store.open_count(session, me))
        id = store.add(session, me, customer, purpose, duration)
        changes = {"customer": [None, str(customer)], "minutes": [None, str(minutes)]}
        entry = Entry(scope.actor, "take", OBJECT, str(id), changes, purpose=purpose)
        version = policy_version.record_change(session, "emergency_access", entry)
        body = {
            **users.identified(session, me),
            "customer": str(customer),
            "policy_version": version,
        }
        record(session, facts.EMERGENCY_ACCESS_TAKEN.about(id, body))
        return {"id": str(id)}

    request = [str(customer), reason, minutes]
    answer = run_idempotent(
        session, scope.actor.user_id, key, "takeEmergencyAccess", run, request=request
    )
    return EmergencyAccessId(UUID(answer["id"]))


def end_emergency_access(
    session: Session, scope: Scope, id: EmergencyAccessId
) -> EmergencyAccessId:
    """End an emergency access before its time; nothing happens if it is over. Raises `NotFound`."""
    policy_version.hold(session)
    present = _locked(session, scope, id)
    if store.grants.end(session, id, UserId(scope.actor.user_id)):
        changes = {"until": [present.until.isoformat(), "now"]}
        entry = Entry(scope.actor, "end", OBJECT, str(id), changes)
        policy_version.record_change(session, "emergency_access", entry)
    return id


def review_emergency_access(
    session: Session, scope: Scope, id: EmergencyAccessId, verdict: Verdict, note: str
) -> EmergencyAccessId:
    """Store afterwards whether an emergency access was justified, once and by another user.

    Raises `NotFound`, `Denied` for the user who took it, and `Conflict` while it is open or when it
    has been reviewed.
    """
    accepted_note, me = domain.note(note, verdict), UserId(scope.actor.user_id)
    present = _locked(session, scope, id)
    domain.refuse_self(present.user, me)
    if present.open:
        raise Conflict(
            "This emergency access is still open; end it, then review it.",
            "该应急访问仍在进行，请先结束再复核。",
            field="id",
        )
    if present.verdict is not None:
        raise Conflict(
            "This emergency access has been reviewed already; the verdict stays on record.",
            "该应急访问已复核，结论不可更改。",
            field="id",
        )
    store.review(session, id, verdict, accepted_note, me)
    changes = {"verdict": [None, verdict.value]}
    entry = Entry(scope.actor, "review", OBJECT, str(id), changes, policy_version=scope.version)
    audit.record(session, entry)
    record(session, facts.EMERGENCY_ACCESS_REVIEWED.about(id, {"verdict": verdict.value}))
    if verdict is Verdict.OBJECTED:
        record(session, facts.EMERGENCY_ACCESS_OBJECTED.about(id, {"user": str(present.user)}))
    return id


def _locked(session: Session, scope: Scope, id: EmergencyAccessId) -> EmergencyRow:
    present = store.grants.locked(session, scope, id)
    if present is None:
        raise NotFound(
            f"No emergency access {id} exists for you.",
            f"未找到您可处理的应急访问 {id}。",
            field="id",
        )
    return present
