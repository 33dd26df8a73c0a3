"""When something in the ledger is unusual enough for somebody to look at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from chassis.errors import BadInput
from identity.ledger.domain.audit_event import AuditEvent

DAYS_LEARNT, FEWEST_DAYS = 30, 3
MOST_DATES = 400


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
    """When people of this company work."""

    begins: time
    ends: time
    weekdays: tuple[int, ...]
    time_zone: str
    holidays: tuple[date, ...] = ()
    workdays: tuple[date, ...] = ()

    def odd(self, at: datetime) -> bool:
        """Whether nobody works at this moment. Work may begin in the evening and end in the morning."""
        here = at.astimezone(ZoneInfo(self.time_zone))
        if self.begins <= self.ends:
            return not (self._works(here.date()) and self.begins <= here.time() < self.ends)
        if here.time() >= self.begins:
            return not self._works(here.date())
        return not (here.time() < self.ends and self._works(here.date() - timedelta(days=1)))

    def odd_since(self, at: datetime, longest: timedelta) -> datetime:
        """Since when it has been so, to the minute, and no longer ago than this."""
        since, earliest = at, at - longest
        while since > earliest and self.odd(since - timedelta(minutes=1)):
            since -= timedelta(minutes=1)
        return max(since, earliest)

    def _works(self, day: date) -> bool:
        if day in self.workdays:
            return True
        return day.isoweekday() in self.weekdays and day not in self.holidays


@dataclass(frozen=True, slots=True)
class AlertRule:
    """One rule: what it counts, within how long, and from when on that is too much."""

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
        """How far back it looks from an event."""
        return timedelta(minutes=self.minutes)

    def exceeded(self, measure: int, usual: float | None) -> bool:
        """Whether so much is too much for somebody with whom so much is usual. Who is new has
        nothing usual yet, so the threshold alone counts; above the ceiling nothing is usual."""
        if self.ceiling is not None and measure >= self.ceiling:
            return True
        if measure < self.threshold:
            return False
        return self.times is None or usual is None or measure >= self.times * usual


def subject(kind: AlertKind, event: AuditEvent) -> UUID | None:
    """Whom an event counts for under a rule of this kind; None: it does not count."""
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
            return _maybe(event.resource) if not allowed and event.action == "sign_in" else None
        case AlertKind.SIGN_IN_ADDRESSES:
            return event.actor if allowed and event.action == "sign_in" else None


def reads_clear(event: AuditEvent) -> bool:
    """Whether personal data came out in clear."""
    return event.action == "read" and bool(event.details.get("clear"))


def exports(event: AuditEvent) -> bool:
    """Whether data left as a file. Who takes the ledger away takes no customers."""
    return event.action == "export" and event.object != "AuditEvent"


def moments(times: Sequence[datetime], window: timedelta) -> list[datetime]:
    """The moments at which a window over these events is looked at: the last of each half window, so
    that what happened while nobody watched is not missed between two looks."""
    found: dict[int, datetime] = {}
    half = max(window.total_seconds() / 2, 1)
    for at in times:
        slot = int(at.timestamp() // half)
        found[slot] = max(at, found.get(slot, at))
    return [found[slot] for slot in sorted(found)]


def checked(rule: AlertRule) -> AlertRule:
    """The rule, if it can be kept to. Raises `BadInput`."""
    if not 1 <= rule.threshold <= 1_000_000:
        raise _wrong("threshold", "must be 1 to 1,000,000", "应在 1 到 1000000 之间")
    if not 1 <= rule.minutes <= 1440:
        raise _wrong("minutes", "must be 1 to 1440, a day", "应在 1 到 1440（一天）之间")
    if rule.times is not None and not 1 <= rule.times <= 1000:
        raise _wrong("times", "must be 1 to 1000, or null", "应在 1 到 1000 之间，或为 null")
    if rule.ceiling is not None and rule.ceiling < rule.threshold:
        raise _wrong("ceiling", "must not be below the threshold", "不得低于 threshold")
    if rule.kind is AlertKind.ODD_HOURS:
        if rule.hours is None:
            raise _wrong("hours", "must be given for this rule", "此规则必须提供")
        _check_hours(rule.hours)
    elif rule.hours is not None:
        raise _wrong("hours", "are for ODD_HOURS only", "仅用于 ODD_HOURS")
    return rule


def _check_hours(hours: Hours) -> None:
    try:
        ZoneInfo(hours.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as problem:
        raise _wrong(
            "hours.timeZone", "must be like Asia/Shanghai", "应为 Asia/Shanghai 这样的时区名"
        ) from problem
    if hours.begins == hours.ends:
        raise _wrong("hours.ends", "must differ from begins", "不得与 begins 相同")
    if not hours.weekdays or not set(hours.weekdays) <= set(range(1, 8)):
        raise _wrong("hours.weekdays", "are 1 (Monday) to 7 (Sunday)", "应为 1（周一）到 7（周日）")
    if len(hours.holidays) + len(hours.workdays) > MOST_DATES:
        raise _wrong("hours.holidays", f"are at most {MOST_DATES}", f"最多 {MOST_DATES} 个")


def _wrong(field: str, en: str, zh: str) -> BadInput:
    return BadInput(f"{field} {en}.", f"{field} {zh}。", field=field)


def _maybe(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
