"""Rules that decide when something in the ledger is unusual enough to raise an alert."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from chassis.errors import BadInput
from identity.ledger.domain.audit_event import AuditEvent

LEARNING_DAYS, MIN_LEARNING_DAYS = 30, 3
MAX_DATES = 400


class AlertKind(Enum):
    """What a rule counts."""

    BULK_READING = "BULK_READING"
    ODD_HOURS = "ODD_HOURS"
    EXPORT_BURST = "EXPORT_BURST"
    EXPORT_ROWS = "EXPORT_ROWS"
    REFUSALS = "REFUSALS"
    REFUSED_SIGN_INS = "REFUSED_SIGN_INS"
    SIGN_IN_ADDRESSES = "SIGN_IN_ADDRESSES"


@dataclass(frozen=True, slots=True)
class Hours:
    """The working hours of the company."""

    begins: time
    ends: time
    weekdays: tuple[int, ...]
    time_zone: str
    holidays: tuple[date, ...] = ()
    workdays: tuple[date, ...] = ()

    def is_outside(self, at: datetime) -> bool:
        """Return whether a moment is outside of working hours, which may span midnight."""
        local_time = at.astimezone(ZoneInfo(self.time_zone))
        if self.begins <= self.ends:
            return not (
                self._is_workday(local_time.date()) and self.begins <= local_time.time() < self.ends
            )
        if local_time.time() >= self.begins:
            return not self._is_workday(local_time.date())
        return not (
            local_time.time() < self.ends
            and self._is_workday(local_time.date() - timedelta(days=1))
        )

    def outside_since(self, at: datetime, longest: timedelta) -> datetime:
        """Return since when it has been outside of working hours.

        To the minute, and no longer ago than `longest`.
        """
        since, earliest = at, at - longest
        while since > earliest and self.is_outside(since - timedelta(minutes=1)):
            since -= timedelta(minutes=1)
        return max(since, earliest)

    def _is_workday(self, day: date) -> bool:
        if day in self.workdays:
            return True
        return day.isoweekday() in self.weekdays and day not in self.holidays


@dataclass(frozen=True, slots=True)
class AlertRule:
    """A rule: what it counts, within how many minutes, and how much raises an alert."""

    kind: AlertKind
    enabled: bool
    threshold: int
    minutes: int
    times: float | None
    ceiling: int | None
    hours: Hours | None
    version: int

    @property
    def window(self) -> timedelta:
        """How far back the rule counts from an event."""
        return timedelta(minutes=self.minutes)

    def is_exceeded(self, measure: int, usual: float | None) -> bool:
        """Return whether a measure is too much for a user with this usual measure.

        A new user has no usual measure yet, so the threshold alone counts; the ceiling holds
        whatever is usual.
        """
        if self.ceiling is not None and measure >= self.ceiling:
            return True
        if measure < self.threshold:
            return False
        return self.times is None or usual is None or measure >= self.times * usual


def subject_of(kind: AlertKind, event: AuditEvent) -> UUID | None:
    """Return the user for whom a rule of this kind counts an event; None: it does not count."""
    allowed = event.decision == "allow"
    match kind:
        case AlertKind.BULK_READING:
            return event.actor if allowed and reads_clear(event) else None
        case AlertKind.ODD_HOURS:
            return event.actor if allowed and (reads_clear(event) or exports(event)) else None
        case AlertKind.EXPORT_BURST | AlertKind.EXPORT_ROWS:
            return event.actor if allowed and exports(event) else None
        case AlertKind.REFUSALS:
            return event.actor if not allowed else None
        case AlertKind.REFUSED_SIGN_INS:
            return (
                _uuid_or_none(event.resource) if not allowed and event.action == "sign_in" else None
            )
        case AlertKind.SIGN_IN_ADDRESSES:
            return event.actor if allowed and event.action == "sign_in" else None


def reads_clear(event: AuditEvent) -> bool:
    """Return whether an event showed personal data in clear."""
    return event.action == "read" and bool(event.details.get("clear"))


def exports(event: AuditEvent) -> bool:
    """Return whether an event exported data; an export of the ledger holds no customers."""
    return event.action == "export" and event.object != "AuditEvent"


def window_ends(times: Sequence[datetime], window: timedelta) -> list[datetime]:
    """Return the moments at which a window over these events is evaluated, in order.

    They are the last of each half window, so that nothing is missed between two evaluations.
    """
    latest: dict[int, datetime] = {}
    half_seconds = max(window.total_seconds() / 2, 1)
    for at in times:
        slot = int(at.timestamp() // half_seconds)
        latest[slot] = max(at, latest.get(slot, at))
    return [latest[slot] for slot in sorted(latest)]


def check_rule(rule: AlertRule) -> AlertRule:
    """Return the rule if its values are permitted. Raises `BadInput`."""
    if not 1 <= rule.threshold <= 1_000_000:
        raise _invalid("threshold", "must be 1 to 1,000,000", "应在 1 到 1000000 之间")
    if not 1 <= rule.minutes <= 1440:
        raise _invalid("minutes", "must be 1 to 1440 (a day)", "应在 1 到 1440（一天）之间")
    if rule.times is not None and not 1 <= rule.times <= 1000:
        raise _invalid("times", "must be 1 to 1000, or null", "应在 1 到 1000 之间，或为 null")
    if rule.ceiling is not None and rule.ceiling < rule.threshold:
        raise _invalid("ceiling", "must not be below the threshold", "不得低于 threshold")
    if rule.kind is AlertKind.ODD_HOURS:
        if rule.hours is None:
            raise _invalid("hours", "is required for ODD_HOURS", "对 ODD_HOURS 规则为必填")
        _check_hours(rule.hours)
    elif rule.hours is not None:
        raise _invalid("hours", "is permitted for ODD_HOURS only", "仅用于 ODD_HOURS")
    return rule


def _check_hours(hours: Hours) -> None:
    try:
        ZoneInfo(hours.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as problem:
        raise _invalid(
            "hours.timeZone",
            "must be a time zone name such as Asia/Shanghai",
            "应为时区名，例如 Asia/Shanghai",
        ) from problem
    if hours.begins == hours.ends:
        raise _invalid("hours.ends", "must differ from begins", "不得与 begins 相同")
    if not hours.weekdays or not set(hours.weekdays) <= set(range(1, 8)):
        raise _invalid(
            "hours.weekdays",
            "must be numbers from 1 (Monday) to 7 (Sunday)",
            "应为 1（周一）到 7（周日）",
        )
    if len(hours.holidays) + len(hours.workdays) > MAX_DATES:
        raise _invalid(
            "hours.holidays",
            f"and workdays must hold at most {MAX_DATES} dates together",
            f"与 workdays 合计最多 {MAX_DATES} 个日期",
        )


def _invalid(field: str, en: str, zh: str) -> BadInput:
    return BadInput(f"{field} {en}.", f"{field} {zh}。", field=field)


def _uuid_or_none(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
