"""Taking emergency access, ending it, and judging it afterwards. All of it is in the ledger."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.audit import events as audit
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


def take(
    session: Session, scope: Scope, customer: UUID, reason: str, minutes: int, key: str | None
) -> EmergencyAccessId:
    """Reach one customer for a short time. What one may do there is said by rules with the rows
    `emergency`."""

    def run() -> dict[str, Any]:
        why, lasts = domain.reason(reason), domain.lasts(minutes)
        me = UserId(scope.actor.user_id)
        policy_version.hold(session)
        domain.refuse_many(store.open_count(session, me))
        id = store.add(session, me, customer, why, lasts)
        changes = {"customer": [None, str(customer)], "minutes": [None, str(minutes)]}
        version = _changed(session, scope, id, "take", changes, purpose=why)
        told = {**users.told(session, me), "customer": str(customer), "policy_version": version}
        record(session, facts.EMERGENCY_ACCESS_TAKEN.about(id, told))
        return {"id": str(id)}

    request = [str(customer), reason, minutes]
    answer = run_idempotent(
        session, scope.actor.user_id, key, "takeEmergencyAccess", run, request=request
    )
    return EmergencyAccessId(UUID(answer["id"]))


def end(session: Session, scope: Scope, id: EmergencyAccessId) -> EmergencyAccessId:
    """End it before its time. Twice is as once."""
    policy_version.hold(session)
    found = _held(session, scope, id)
    if store.end(session, id, UserId(scope.actor.user_id)):
        _changed(session, scope, id, "end", {"until": [found.until.isoformat(), "now"]})
    return id


def review(
    session: Session, scope: Scope, id: EmergencyAccessId, verdict: Verdict, note: str
) -> EmergencyAccessId:
    """Say afterwards whether it was justified; by somebody else, and once."""
    words, me = domain.note(note, verdict), UserId(scope.actor.user_id)
    found = _held(session, scope, id)
    domain.refuse_self(found.user, me)
    if found.open:
        raise Conflict(
            "This emergency access goes on; end it, then review it.",
            "该应急访问仍在进行，请先结束再复核。",
            field="id",
        )
    if found.verdict is not None:
        raise Conflict(
            "Somebody reviewed this already; what they said stays on record.",
            "已有人复核，结论不可更改。",
            field="id",
        )
    store.review(session, id, verdict, words, me)
    audit.record(
        session,
        audit.Entry(
            scope.actor,
            "review",
            "EmergencyAccess",
            str(id),
            changes={"verdict": [None, verdict.value]},
            policy_version=scope.version,
        ),
    )
    record(session, facts.EMERGENCY_ACCESS_REVIEWED.about(id, {"verdict": verdict.value}))
    if verdict is Verdict.OBJECTED:
        record(session, facts.EMERGENCY_ACCESS_OBJECTED.about(id, {"user": str(found.user)}))
    return id


def _held(session: Session, scope: Scope, id: EmergencyAccessId) -> EmergencyRow:
    found = store.locked(session, scope, id)
    if found is None:
        raise NotFound(
            f"No emergency access {id} exists for you.",
            f"未找到您可处理的应急访问 {id}。",
            field="id",
        )
    return found


def _changed(
    session: Session,
    scope: Scope,
    id: EmergencyAccessId,
    action: str,
    changes: dict[str, list[str | None]],
    *,
    purpose: str | None = None,
) -> int:
    version = policy_version.count_up(session, "emergency_access")
    audit.record(
        session,
        audit.Entry(
            scope.actor,
            action,
            "EmergencyAccess",
            str(id),
            changes=changes,
            purpose=purpose,
            policy_version=version,
        ),
    )
    return version
