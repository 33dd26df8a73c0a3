"""Handing one's work to somebody for a while, and taking it back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.audit.events import Entry
from chassis.errors import Conflict, Denied, NotFound
from chassis.facts.outbox import record
from chassis.idempotency import run_idempotent
from chassis.policy.row_scopes import RowAccess
from chassis.policy.scope import Scope
from identity.core.commands import policy_version
from identity.core.domain import facts
from identity.core.domain.ids import DelegationId, UserId
from identity.core.store import policy as policies
from identity.people.domain.user import Kind
from identity.people.store import user as users
from identity.temporary.domain import delegation as domain
from identity.temporary.domain.delegation import Draft
from identity.temporary.store import delegation as store


def delegate(session: Session, scope: Scope, draft: Draft, key: str | None = None) -> DelegationId:
    """Let somebody do somebody's work from one moment to another."""

    def run() -> dict[str, Any]:
        span = domain.span(draft, datetime.now(UTC))
        customers, note = domain.customers(draft.customers), domain.note(draft.note)
        policy_version.hold(session)
        giver, taker = users.about(session, draft.giver), users.about(session, draft.taker)
        if not scope.sees(RowAccess(draft.giver, giver.department if giver else None)):
            raise Denied(
                "You may hand on your own work, not that of this user.",
                "您只能委托自己的工作，不能代该用户委托。",
                field="giverId",
            )
        domain.refuse_people(draft, _working(giver), _working(taker))
        member = policies.snapshot(session).users[draft.giver]
        domain.refuse_roles(draft.roles, member.roles)
        if store.overlapping(session, draft.giver, draft.taker, span):
            raise Conflict(
                "The same two have a delegation for some of this time; end it first.",
                "双方在此期间已有委托，请先结束原委托。",
                field="until",
            )
        id = store.add(
            session,
            giver=draft.giver,
            taker=draft.taker,
            span=span,
            roles=draft.roles,
            customers=customers,
            note=note,
            by=UserId(scope.actor.user_id),
        )
        changes = {
            "giver": [None, str(draft.giver)],
            "taker": [None, str(draft.taker)],
            "since": [None, span.since.isoformat()],
            "until": [None, span.until.isoformat()],
            "roles": [None, ", ".join(draft.roles) if draft.roles is not None else "all"],
            "customers": [None, str(len(customers)) if customers is not None else "all"],
        }
        policy_version.record_change(
            session, "delegation", Entry(scope.actor, "create", "Delegation", str(id), changes)
        )
        told = {"giver": str(draft.giver), "taker": str(draft.taker)}
        record(session, facts.DELEGATION_GRANTED.about(id, told))
        return {"id": str(id)}

    request = [
        str(draft.giver),
        str(draft.taker),
        draft.since.isoformat() if draft.since else None,
        draft.until.isoformat(),
        list(draft.roles) if draft.roles is not None else None,
        [str(one) for one in draft.customers] if draft.customers is not None else None,
        draft.note,
    ]
    answer = run_idempotent(session, scope.actor.user_id, key, "delegate", run, request=request)
    return DelegationId(UUID(answer["id"]))


def end_delegation(session: Session, scope: Scope, id: DelegationId) -> DelegationId:
    """End one now: by who gave it, who took it, or an administrator. Twice is as once."""
    policy_version.hold(session)
    if store.locked(session, scope, id) is None:
        raise NotFound(
            f"No delegation {id} exists that you may end.",
            f"未找到您可结束的委托 {id}。",
            field="id",
        )
    if store.end(session, id, UserId(scope.actor.user_id)):
        policy_version.record_change(
            session,
            "delegation",
            Entry(scope.actor, "end", "Delegation", str(id), {"state": [None, "over"]}),
        )
    return id


def _working(found: users.About | None) -> Kind | None:
    return found.kind if found is not None and found.works_here else None
