"""The ledger is watched event by event; what is unusual raises an alert, and somebody decides it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.orm import Session

from chassis.audit import events as audit
from chassis.errors import Conflict, Denied, NotFound
from chassis.facts.outbox import record
from chassis.policy.scope import Scope
from identity.core.domain import facts, text
from identity.core.domain.ids import AccessAlertId
from identity.core.domain.version import refuse_stale
from identity.ledger.domain.access_alert import AccessAlert, AlertStatus
from identity.ledger.domain.alert_rule import AlertKind, AlertRule, moments, subject
from identity.ledger.domain.audit_event import AuditEvent
from identity.ledger.store import access_alert as store, alert_rule as rules, ledger
from identity.people.store import user

AT_ONCE = 1_000
LONGEST_NOTE = 1_000


def watch(session: Session, most: int = AT_ONCE) -> int:
    """Look at the next sealed events; how many there were. Alerts and the place where to go on are
    one transaction, so no event is passed over and none counts twice."""
    reached = store.hold_watch(session)
    if reached is None:
        return 0
    events = list(ledger.numbered(session, reached + 1, reached + most))
    if not events:
        return 0
    for rule in rules.every(session):
        if rule.enabled:
            _apply(session, rule, (event for _, event in events))
    store.watched(session, events[-1][0])
    return len(events)


def _apply(session: Session, rule: AlertRule, events: Iterable[AuditEvent]) -> None:
    times: dict[UUID, list[datetime]] = {}
    for event in events:
        whose = subject(rule.kind, event)
        if whose is None or (rule.hours is not None and not rule.hours.odd(event.at)):
            continue
        times.setdefault(whose, []).append(event.at)
    if rule.kind is AlertKind.ODD_HOURS:  # programs keep no hours
        services = user.services_among(session, list(times))
        times = {whose: at for whose, at in times.items() if whose not in services}
    for whose, at in times.items():
        for moment in moments(at, rule.window):
            _look(session, rule, whose, moment)


def _look(session: Session, rule: AlertRule, whose: UUID, at: datetime) -> None:
    """Count one window that ends with an event of somebody, and raise an alert if it is too much."""
    begins = at - rule.window
    if rule.hours is not None:
        begins = rule.hours.odd_since(at, rule.window)
    measure = rules.measure(session, rule.kind, whose, begins, at)
    day = at.date()
    usual = rules.usual(session, rule.kind, whose, day)
    rules.learn(session, rule.kind, whose, day, measure)
    if not rule.exceeded(measure, usual):
        return
    held = store.standing(session, rule.kind, whose)
    if held is not None:
        _grow(session, held, measure, at)
        return
    done = store.resolved_until(session, rule.kind, whose)
    if done is not None and done >= begins:
        # Somebody looked at the beginning of this already: only what came after counts.
        begins = done + timedelta(microseconds=1)
        measure = rules.measure(session, rule.kind, whose, begins, at)
        if not rule.exceeded(measure, usual):
            return
    _raise(session, rule, whose, measure, usual, begins, at)


def _raise(
    session: Session,
    rule: AlertRule,
    whose: UUID,
    measure: int,
    usual: float | None,
    begins: datetime,
    at: datetime,
) -> None:
    id = store.add(
        session,
        {
            "kind": rule.kind.value,
            "subject_id": whose,
            "measure": measure,
            "threshold": rule.threshold,
            "usual": usual,
            "begins": begins,
            "ends": at,
        },
    )
    body = {"id": str(id), "kind": rule.kind.value, "measure": measure, **user.told(session, whose)}
    record(session, facts.ACCESS_ALERT_RAISED.about(id, body))


def _grow(session: Session, held: AccessAlert, measure: int, at: datetime) -> None:
    if at > held.ends:
        store.change(session, held.id, ends=at, measure=max(held.measure, measure))


def decide(
    session: Session,
    scope: Scope,
    id: AccessAlertId,
    status: AlertStatus,
    note: str,
    expected: int | None,
) -> None:
    """Acknowledge or resolve an alert; nobody decides about themselves."""
    held = store.hold(session, id)
    if held is None:
        raise NotFound("There is no such alert.", "没有该告警。", field="id")
    if held.subject == scope.actor.user_id:
        raise Denied(
            "This alert is about you; somebody else has to decide it.",
            "该告警与您本人有关，须由他人处理。",
            object="AccessAlert",
            action="update",
        )
    refuse_stale(held.version, expected, what="the alert")
    if held.status is AlertStatus.RESOLVED:
        raise Conflict(
            "This alert is resolved already.",
            "该告警已处理完毕。",
            field="id",
            version=held.version,
        )
    said = text.required(note, field="note", longest=LONGEST_NOTE)
    store.change(
        session,
        id,
        status=status.value,
        note=said,
        decided_by=scope.actor.user_id,
        decided_at=func.now(),
    )
    if status is AlertStatus.RESOLVED:
        record(session, facts.ACCESS_ALERT_RESOLVED.about(id, {"id": str(id)}))
    audit.record(
        session,
        audit.Entry(
            scope.actor,
            "resolve" if status is AlertStatus.RESOLVED else "acknowledge",
            "AccessAlert",
            str(id),
            changes={
                "status": [held.status.value, status.value],
                "note": [held.note or None, said],
            },
            policy_version=scope.version,
        ),
    )
