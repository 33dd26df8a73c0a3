"""Store the rules of unusual access, and measure what each of them counts of a user."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    DateTime,
    Float,
    Integer,
    Row,
    Table,
    Text,
    Uuid,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Session

from chassis.policy.disclosures import MOST_IDS
from chassis.policy.scope import Scope
from identity.core.store.metadata import metadata
from identity.ledger.domain.alert_rule import (
    LEARNING_DAYS,
    MIN_LEARNING_DAYS,
    AlertKind,
    AlertRule,
    Hours,
)

alert_rule = Table(
    "alert_rule",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("enabled", Boolean, nullable=False),
    Column("threshold", Integer, nullable=False),
    Column("minutes", Integer, nullable=False),
    Column("times", Float),
    Column("ceiling", Integer),
    Column("hours", JSONB(none_as_null=True)),
    Column("version", Integer, nullable=False, server_default=text("1")),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
alert_day = Table(
    "alert_day",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("subject_id", Uuid, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("most", Integer, nullable=False),
)

# Persons whose data was shown in clear: each once, plus those beyond the ids an event can hold.
_PERSONS = f"""
WITH seen AS MATERIALIZED (
  SELECT details FROM audit_event
  WHERE actor_id = :subject AND at >= :begins AND at <= :ends
    AND action = 'read' AND decision = 'allow' AND details -> 'clear' <> '[]'
    AND jsonb_typeof(details -> 'ids') = 'array'
    AND jsonb_typeof(details -> 'clear_rows') = 'number'
)
SELECT (SELECT count(DISTINCT person.id)
        FROM seen, jsonb_array_elements_text(details -> 'ids') WITH ORDINALITY AS person (id, place)
        WHERE person.place <= (details -> 'clear_rows')::int)
     + (SELECT coalesce(sum(greatest((details -> 'clear_rows')::int - {MOST_IDS}, 0)), 0) FROM seen)
"""  # noqa: S608 — a number of ours
_OWN = "FROM audit_event WHERE actor_id = :subject AND at >= :begins AND at <= :ends"
_EXPORTS = f"{_OWN} AND action = 'export' AND object <> 'AuditEvent' AND decision = 'allow'"
_EXPORTED = (
    f"SELECT coalesce(sum((details -> 'rows')::int), 0) {_EXPORTS} "
    "AND jsonb_typeof(details -> 'rows') = 'number'"
)
_MEASURES = {
    AlertKind.BULK_READING: _PERSONS,
    AlertKind.ODD_HOURS: f"SELECT ({_PERSONS}) + ({_EXPORTED})",
    AlertKind.EXPORT_BURST: f"SELECT count(*) {_EXPORTS}",
    AlertKind.EXPORT_ROWS: _EXPORTED,
    AlertKind.REFUSALS: f"SELECT count(*) {_OWN} AND decision <> 'allow'",
    AlertKind.REFUSED_SIGN_INS: (
        "SELECT count(*) FROM audit_event WHERE resource = CAST(:subject AS text) "
        "AND at >= :begins AND at <= :ends AND action = 'sign_in' AND decision <> 'allow'"
    ),
    AlertKind.SIGN_IN_ADDRESSES: (
        f"SELECT count(DISTINCT details ->> 'address') {_OWN} "
        "AND action = 'sign_in' AND decision = 'allow'"
    ),
}


def measure(
    session: Session, kind: AlertKind, subject: UUID, begins: datetime, ends: datetime
) -> int:
    """Return how much a user did of what a kind of rule counts."""
    # A refused sign-in names its user as text, in `resource`.
    subject_value = str(subject) if kind is AlertKind.REFUSED_SIGN_INS else subject
    arguments = {"subject": subject_value, "begins": begins, "ends": ends}
    return int(session.execute(text(_MEASURES[kind]), arguments).scalar_one())


def all_rules(session: Session) -> list[AlertRule]:
    """Return all rules."""
    return [
        _rule_row(record)
        for record in session.execute(select(alert_rule).order_by(alert_rule.c.kind))
    ]


def list_rules(session: Session, scope: Scope) -> list[AlertRule]:
    """Return all rules, for a reader."""
    assert scope.object == "AlertRule"
    return all_rules(session)


def lock(session: Session, kind: AlertKind) -> AlertRule:
    """Return a rule and lock its row until the transaction ends."""
    statement = select(alert_rule).where(alert_rule.c.kind == kind.value).with_for_update()
    return _rule_row(session.execute(statement).one())


def update_rule(session: Session, rule: AlertRule) -> None:
    """Store the changed values of a rule."""
    values = asdict(rule)
    del values["kind"]
    values["hours"] = hours_json(rule.hours)
    session.execute(
        update(alert_rule)
        .where(alert_rule.c.kind == rule.kind.value)
        .values(**values, updated_at=func.now())
    )


def usual_measure(session: Session, kind: AlertKind, subject: UUID, day: date) -> float | None:
    """Return the average of the daily maxima of a user over the last 30 days.

    None before enough days are known.
    """
    days = (
        select(alert_day.c.most)
        .where(
            alert_day.c.kind == kind.value,
            alert_day.c.subject_id == subject,
            alert_day.c.day < day,
            alert_day.c.day >= day - timedelta(days=LEARNING_DAYS),
        )
        .subquery()
    )
    day_count, average = session.execute(select(func.count(), func.avg(days.c.most))).one()
    return float(average) if day_count >= MIN_LEARNING_DAYS else None


def record_day_maximum(
    session: Session, kind: AlertKind, subject: UUID, day: date, measure: int
) -> None:
    """Record a measure if it is the largest of its day."""
    statement = insert(alert_day).values(kind=kind.value, subject_id=subject, day=day, most=measure)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["kind", "subject_id", "day"],
            set_={"most": func.greatest(alert_day.c.most, statement.excluded.most)},
        )
    )


def hours_json(hours: Hours | None) -> dict[str, Any] | None:
    """Return working hours as stored JSON."""
    if hours is None:
        return None
    return {
        "begins": hours.begins.isoformat("minutes"),
        "ends": hours.ends.isoformat("minutes"),
        "weekdays": list(hours.weekdays),
        "time_zone": hours.time_zone,
        "holidays": [day.isoformat() for day in hours.holidays],
        "workdays": [day.isoformat() for day in hours.workdays],
    }


def _rule_row(record: Row[Any]) -> AlertRule:
    return AlertRule(
        kind=AlertKind(record.kind),
        enabled=record.enabled,
        threshold=record.threshold,
        minutes=record.minutes,
        times=record.times,
        ceiling=record.ceiling,
        hours=_parse_hours(record.hours),
        version=record.version,
    )


def _parse_hours(document: dict[str, Any] | None) -> Hours | None:
    if document is None:
        return None
    return Hours(
        begins=time.fromisoformat(document["begins"]),
        ends=time.fromisoformat(document["ends"]),
        weekdays=tuple(document["weekdays"]),
        time_zone=document["time_zone"],
        holidays=tuple(date.fromisoformat(day) for day in document["holidays"]),
        workdays=tuple(date.fromisoformat(day) for day in document["workdays"]),
    )
