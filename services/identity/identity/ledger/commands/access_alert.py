"""Watch the ledger event by event, raise alerts about unusual access, and decide them."""

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
from identity.ledger.domain.alert_rule import AlertKind, AlertRule, subject_of, window_ends
from identity.ledger.domain.audit_event import AuditEvent
from identity.ledger.store import access_alert as store, alert_rule as rules, ledger
from identity.people.store import user

BATCH_EVENTS = 1_000
MAX_NOTE_LENGTH = 1_000


def watch_next_events(session: Session, limit: int = BATCH_EVENTS) -> int:
    """Check the next sealed events against the rules and return how many there were.

    Alerts and the number of the last watched event are one transaction, so that no event is skipped
    and none counts twice.
    """
    last_number = store.lock_watch(session)
    if last_number is None:
        return 0
    events = list(ledger.numbered_events(session, last_number + 1, last_number + limit))
    if not events:
        return 0
    for rule in rules.all_rules(session):
        if rule.enabled:
            _apply_rule(session, rule, (event for _, event in events))
    store.record_watched(session, events[-1][0])
    return len(events)


def _apply_rule(session: Session, rule: AlertRule, events: Iterable[AuditEvent]) -> None:
    times: dict[UUID, list[datetime]] = {}
    for event in events:
        subject_id = subject_of(rule.kind, event)
        if subject_id is None or (rule.hours is not None and not rule.hours.is_outside(event.at)):
            continue
        times.setdefault(subject_id, []).append(event.at)
    if rule.kind is AlertKind.ODD_HOURS:  # programs have no working hours
        services = user.services_among(session, list(times))
        times = {subject_id: at for subject_id, at in times.items() if subject_id not in services}
    for subject_id, at in times.items():
        for moment in window_ends(at, rule.window):
            _check_window(session, rule, subject_id, moment)


def _check_window(session: Session, rule: AlertRule, subject_id: UUID, at: datetime) -> None:
    """Measure a window that ends with an event of a user, and raise an alert if it is exceeded."""
    begins = at - rule.window
    if rule.hours is not None:
        begins = rule.hours.outside_since(at, rule.window)
    measure = rules.measure(session, rule.kind, subject_id, begins, at)
    day = at.date()
    usual = rules.usual_measure(session, rule.kind, subject_id, day)
    rules.record_day_maximum(session, rule.kind, subject_id, day, measure)
    if not rule.is_exceeded(measure, usual):
        return
    alert = store.undecided(session, rule.kind, subject_id)
    if alert is not None:
        _extend(session, alert, measure, at)
        return
    resolved_until = store.resolved_until(session, rule.kind, subject_id)
    if resolved_until is not None and resolved_until >= begins:
        # A resolved alert covers the beginning of this window: only what came after counts.
        begins = resolved_until + timedelta(microseconds=1)
        measure = rules.measure(session, rule.kind, subject_id, begins, at)
        if not rule.is_exceeded(measure, usual):
            return
    _raise_alert(session, rule, subject_id, measure, usual, begins, at)


def _raise_alert(
    session: Session,
    rule: AlertRule,
    subject_id: UUID,
    measure: int,
    usual: float | None,
    begins: datetime,
    at: datetime,
) -> None:
    id = store.add(
        session,
        {
            "kind": rule.kind.value,
            "subject_id": subject_id,
            "measure": measure,
            "threshold": rule.threshold,
            "usual": usual,
            "begins": begins,
            "ends": at,
        },
    )
    body = {
        "id": str(id),
        "kind": rule.kind.value,
        "measure": measure,
        **user.identified(session, subject_id),
    }
    record(session, facts.ACCESS_ALERT_RAISED.about(id, body))


def _extend(session: Session, alert: AccessAlert, measure: int, at: datetime) -> None:
    if at > alert.ends:
        store.change(session, alert.id, ends=at, measure=max(alert.measure, measure))


def decide(
    session: Session,
    scope: Scope,
    id: AccessAlertId,
    status: AlertStatus,
    note: str,
    expected_version: int | None,
) -> None:
    """Acknowledge or resolve an alert; users may not decide alerts about themselves."""
    alert = store.lock(session, id)
    if alert is None:
        raise NotFound(f"No alert with id {id} exists.", f"未找到 id 为 {id} 的告警。", field="id")
    if alert.subject == scope.actor.user_id:
        raise Denied(
            "The alert is about you; another user has to decide it.",
            "该告警与您本人有关，须由其他用户处理。",
            object="AccessAlert",
            action="update",
        )
    refuse_stale(alert.version, expected_version, what="the alert")
    if alert.status is AlertStatus.RESOLVED:
        raise Conflict(
            "The alert is resolved already and cannot be changed.",
            "该告警已处理完毕，不能再更改。",
            field="id",
            version=alert.version,
        )
    checked_note = text.required(note, field="note", longest=MAX_NOTE_LENGTH)
    store.change(
        session,
        id,
        status=status.value,
        note=checked_note,
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
                "status": [alert.status.value, status.value],
                "note": [alert.note or None, checked_note],
            },
            policy_version=scope.version,
        ),
    )
