"""Delegate the work of a user to a colleague for a while, and end a delegation."""

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
from identity.temporary.domain.delegation import Draft, Span
from identity.temporary.store import delegation as store

OBJECT = "Delegation"


def delegate(session: Session, scope: Scope, draft: Draft, key: str | None = None) -> DelegationId:
    """Let a colleague do the work of a user from one moment to another; return the id.

    Raises `BadInput`, `Conflict` for a delegation that overlaps, and `Denied` for the work of a
    user outside the scope.
    """

    def run() -> dict[str, Any]:
        span = domain.span(draft, datetime.now(UTC))
        customers, note = domain.customers(draft.customers), domain.note(draft.note)
        policy_version.hold(session)
        _refuse_wrong_people(session, scope, draft)
        if store.overlapping(session, draft.giver, draft.taker, span):
            raise Conflict(
                "These two users have a delegation for part of this time already; end it first.",
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
            created_by=UserId(scope.actor.user_id),
        )
        entry = Entry(scope.actor, "create", OBJECT, str(id), _changes(draft, span, customers))
        policy_version.record_change(session, "delegation", entry)
        body = {"giver": str(draft.giver), "taker": str(draft.taker)}
        record(session, facts.DELEGATION_GRANTED.about(id, body))
        return {"id": str(id)}

    request = [
        str(draft.giver),
        str(draft.taker),
        draft.since.isoformat() if draft.since else None,
        draft.until.isoformat(),
        list(draft.roles) if draft.roles is not None else None,
        [str(id) for id in draft.customers] if draft.customers is not None else None,
        draft.note,
    ]
    answer = run_idempotent(session, scope.actor.user_id, key, "delegate", run, request=request)
    return DelegationId(UUID(answer["id"]))


def end_delegation(session: Session, scope: Scope, id: DelegationId) -> DelegationId:
    """End a delegation now; nothing happens if it is over.

    The giver, the taker and an administrator may. Raises `NotFound`.
    """
    policy_version.hold(session)
    if store.grants.locked(session, scope, id) is None:
        raise NotFound(
            f"No delegation {id} exists that you may end.",
            f"未找到您可结束的委托 {id}。",
            field="id",
        )
    if store.grants.end(session, id, UserId(scope.actor.user_id)):
        entry = Entry(scope.actor, "end", OBJECT, str(id), {"state": [None, "over"]})
        policy_version.record_change(session, "delegation", entry)
    return id


def _refuse_wrong_people(session: Session, scope: Scope, draft: Draft) -> None:
    giver, taker = users.about(session, draft.giver), users.about(session, draft.taker)
    if not scope.sees(RowAccess(draft.giver, giver.department if giver else None)):
        raise Denied(
            "giverId is another user, and you may delegate only your own work.",
            "您只能委托自己的工作，不能代该用户委托。",
            field="giverId",
        )
    domain.refuse_people(draft, _active_kind(giver), _active_kind(taker))
    member = policies.snapshot(session).users[draft.giver]
    domain.refuse_roles(draft.roles, member.roles)


def _active_kind(about: users.About | None) -> Kind | None:
    return about.kind if about is not None and about.works_here else None


def _changes(draft: Draft, span: Span, customers: list[UUID] | None) -> dict[str, Any]:
    return {
        "giver": [None, str(draft.giver)],
        "taker": [None, str(draft.taker)],
        "since": [None, span.since.isoformat()],
        "until": [None, span.until.isoformat()],
        "roles": [None, ", ".join(draft.roles) if draft.roles is not None else "all"],
        "customers": [None, str(len(customers)) if customers is not None else "all"],
    }
