"""The rules of unusual access, and how administrators change them."""

from __future__ import annotations

from dataclasses import fields
from datetime import date, time
from typing import Annotated, Any

import strawberry

from chassis.api.context import Info
from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from chassis.errors import BadInput
from identity.core.api.arguments import ExpectedVersion
from identity.ledger.commands import alert_rule as commands
from identity.ledger.domain.alert_rule import AlertKind as AlertKind, AlertRule as Rule, Hours
from identity.ledger.store import alert_rule as store

strawberry.enum(
    AlertKind,
    description="What a rule counts of one user within its minutes. BULK_READING: people and "
    "companies whose personal data came out in clear. ODD_HOURS: the same and exported rows, "
    "while nobody works. EXPORT_BURST: exports taken. EXPORT_ROWS: rows in them. REFUSALS: things "
    "the policy refused. REFUSED_SIGN_INS: refused attempts to sign in as them. "
    "SIGN_IN_ADDRESSES: network addresses they signed in from.",
)


@strawberry.type(description="When people work; the rest is odd hours.")
class WorkingHours:
    begins: str = strawberry.field(description="When work begins, `07:00`.")
    ends: str = strawberry.field(description="When it ends; before it begins means the next day.")
    weekdays: list[int] = strawberry.field(description="1 (Monday) to 7 (Sunday).")
    time_zone: str = strawberry.field(description="Where that is, `Asia/Shanghai`.")
    holidays: list[date] = strawberry.field(description="Days on which nobody works.")
    workdays: list[date] = strawberry.field(
        description="Days on which people work although they would not (调休)."
    )

    @classmethod
    def of(cls, hours: Hours) -> WorkingHours:
        return cls(
            begins=hours.begins.isoformat("minutes"),
            ends=hours.ends.isoformat("minutes"),
            weekdays=list(hours.weekdays),
            time_zone=hours.time_zone,
            holidays=list(hours.holidays),
            workdays=list(hours.workdays),
        )


@strawberry.type(description="From when on something in the ledger raises an alert.")
class AlertRule:
    kind: AlertKind = strawberry.field(description="What it counts.")
    version: int = strawberry.field(description="Grows with every change; give it back on writes.")
    enabled: bool = strawberry.field(description="Whether it is looked at.")
    threshold: int = strawberry.field(description="So much, or more, is too much …")
    minutes: int = strawberry.field(description="… within so many minutes,")
    times: float | None = strawberry.field(
        description="if it is also so many times what is usual for the user on a day of the last "
        "30; null: whatever is usual."
    )
    ceiling: int | None = strawberry.field(
        description="So much raises an alert even if it is usual; null: no such limit."
    )
    hours: WorkingHours | None = strawberry.field(description="ODD_HOURS: when people work.")

    @classmethod
    def of(cls, rule: Rule) -> AlertRule:
        return cls(
            kind=rule.kind,
            version=rule.version,
            enabled=rule.enabled,
            threshold=rule.threshold,
            minutes=rule.minutes,
            times=rule.times,
            ceiling=rule.ceiling,
            hours=WorkingHours.of(rule.hours) if rule.hours else None,
        )


@strawberry.input(description="When people work.")
class WorkingHoursInput:
    begins: str = strawberry.field(description="When work begins, `07:00`.")
    ends: str = strawberry.field(description="When it ends; before it begins means the next day.")
    weekdays: list[int] = strawberry.field(description="1 (Monday) to 7 (Sunday).")
    time_zone: str = strawberry.field(description="Where that is, `Asia/Shanghai`.")
    holidays: list[date] = strawberry.field(
        default_factory=list, description="Days on which nobody works; at most 400."
    )
    workdays: list[date] = strawberry.field(
        default_factory=list, description="Days on which people work although they would not."
    )

    def hours(self) -> Hours:
        return Hours(
            begins=_time(self.begins, "hours.begins"),
            ends=_time(self.ends, "hours.ends"),
            weekdays=tuple(sorted(set(self.weekdays))),
            time_zone=self.time_zone[:100],
            holidays=tuple(sorted(set(self.holidays))),
            workdays=tuple(sorted(set(self.workdays))),
        )


@strawberry.input(description="What a rule should say; what is left out stays.")
class AlertRuleSet:
    enabled: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Whether it is looked at."
    )
    threshold: int | None = strawberry.field(
        default=strawberry.UNSET, description="1 to 1,000,000."
    )
    minutes: int | None = strawberry.field(default=strawberry.UNSET, description="1 to 1440.")
    times: float | None = strawberry.field(
        default=strawberry.UNSET, description="1 to 1000; null: whatever is usual."
    )
    ceiling: int | None = strawberry.field(
        default=strawberry.UNSET, description="Not below the threshold; null: none."
    )
    hours: WorkingHoursInput | None = strawberry.field(
        default=strawberry.UNSET, description="ODD_HOURS: when people work."
    )

    def given(self) -> dict[str, Any]:
        said = {one.name: getattr(self, one.name) for one in fields(self)}
        said = {name: value for name, value in said.items() if value is not strawberry.UNSET}
        for name in ("enabled", "threshold", "minutes"):
            if name in said and said[name] is None:
                raise BadInput(
                    f"{name} cannot be null; leave it out to keep it.",
                    f"{name} 不能为 null，保持不变请省略。",
                    field=f"set.{name}",
                )
        if isinstance(said.get("hours"), WorkingHoursInput):
            said["hours"] = said["hours"].hours()
        return said


@strawberry.type(description="The rule after a change, or why it was refused.")
class AlertRulePayload:
    alert_rule: AlertRule | None = strawberry.field(default=None, description="As it is now.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty: it was done."
    )


@strawberry.type
class AlertRuleQuery:
    @strawberry.field(
        description="The rules of unusual access.", metadata=right("AlertRule", "read")
    )
    async def alert_rules(self, info: Info) -> list[AlertRule]:
        found = await info.context.read(store.listed, info.context.scope("AlertRule"))
        return [AlertRule.of(one) for one in found]


@strawberry.type
class AlertRuleMutation:
    @strawberry.mutation(
        description="Change from when on something is unusual; holds for what happens next.",
        metadata=right("AlertRule", "update"),
    )
    @answers(AlertRulePayload)
    async def update_alert_rule(
        self,
        info: Info,
        kind: Annotated[AlertKind, strawberry.argument(description="Which rule.")],
        set: Annotated[AlertRuleSet, strawberry.argument(description="What it should say.")],
        expected_version: ExpectedVersion = None,
    ) -> AlertRulePayload:
        scope = info.context.scope("AlertRule", "update")
        said = await info.context.write(commands.change, scope, kind, set.given(), expected_version)
        return AlertRulePayload(alert_rule=AlertRule.of(said))


def _time(text: str, field: str) -> time:
    try:
        found: time | None = time.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is not None or found.second or found.microsecond:
        raise BadInput(
            f'{field} "{text[:20]}" is not a time; write it as 07:00.',
            f"{field} “{text[:20]}”不是有效时间，请写成 07:00。",
            field=field,
        )
    return found
