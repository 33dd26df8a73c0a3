"""GraphQL API of the rules of unusual access."""

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
    description="What a rule counts of one user within its minutes. BULK_READING: customers whose "
    "personal data was shown in clear. ODD_HOURS: the same plus exported rows, outside working "
    "hours. EXPORT_BURST: downloaded exports. EXPORT_ROWS: rows in them. REFUSALS: actions that "
    "the policy denied. REFUSED_SIGN_INS: refused attempts to sign in as the user. "
    "SIGN_IN_ADDRESSES: network addresses the user signed in from.",
)


@strawberry.type(description="The working hours; all other time is outside working hours.")
class WorkingHours:
    """The working hours of a rule."""

    begins: str = strawberry.field(description="When work begins, such as `07:00`.")
    ends: str = strawberry.field(
        description="When work ends, such as `18:00`; a time before `begins` is on the next day."
    )
    weekdays: list[int] = strawberry.field(
        description="The working weekdays, 1 (Monday) to 7 (Sunday)."
    )
    time_zone: str = strawberry.field(description="The time zone, such as `Asia/Shanghai`.")
    holidays: list[date] = strawberry.field(description="The days off, such as public holidays.")
    workdays: list[date] = strawberry.field(
        description="The additional working days, such as make-up workdays (调休)."
    )

    @classmethod
    def of(cls, hours: Hours) -> WorkingHours:
        """Build the GraphQL type from working hours."""
        return cls(
            begins=hours.begins.isoformat("minutes"),
            ends=hours.ends.isoformat("minutes"),
            weekdays=list(hours.weekdays),
            time_zone=hours.time_zone,
            holidays=list(hours.holidays),
            workdays=list(hours.workdays),
        )


@strawberry.type(description="A rule that raises an alert about unusual access.")
class AlertRule:
    """A rule of unusual access."""

    kind: AlertKind = strawberry.field(description="What the rule counts.")
    version: int = strawberry.field(
        description="The version of the rule, which grows with every change; pass it as "
        "`expectedVersion`."
    )
    enabled: bool = strawberry.field(description="Whether the rule is active.")
    threshold: int = strawberry.field(
        description="The number from which on the rule raises an alert, within `minutes`."
    )
    minutes: int = strawberry.field(description="The length of the window in minutes.")
    times: float | None = strawberry.field(
        description="The factor above the usual number of the user, from the last 30 days, that "
        "is also required for an alert; null: not required."
    )
    ceiling: int | None = strawberry.field(
        description="The number that raises an alert even if it is usual; null: no such limit."
    )
    hours: WorkingHours | None = strawberry.field(
        description="The working hours, for ODD_HOURS only."
    )

    @classmethod
    def of(cls, rule: Rule) -> AlertRule:
        """Build the GraphQL type from a rule."""
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


@strawberry.input(description="The working hours.")
class WorkingHoursInput:
    """Working hours as input."""

    begins: str = strawberry.field(description="When work begins, such as `07:00`.")
    ends: str = strawberry.field(
        description="When work ends, such as `18:00`; a time before `begins` is on the next day."
    )
    weekdays: list[int] = strawberry.field(
        description="The working weekdays, 1 (Monday) to 7 (Sunday)."
    )
    time_zone: str = strawberry.field(description="The time zone, such as `Asia/Shanghai`.")
    holidays: list[date] = strawberry.field(
        default_factory=list, description="The days off, such as public holidays; at most 400."
    )
    workdays: list[date] = strawberry.field(
        default_factory=list, description="The additional working days, such as make-up workdays."
    )

    def hours(self) -> Hours:
        """Return the input as working hours. Raises `BadInput`."""
        return Hours(
            begins=_parse_time(self.begins, "hours.begins"),
            ends=_parse_time(self.ends, "hours.ends"),
            weekdays=tuple(sorted(set(self.weekdays))),
            time_zone=self.time_zone[:100],
            holidays=tuple(sorted(set(self.holidays))),
            workdays=tuple(sorted(set(self.workdays))),
        )


@strawberry.input(description="The changes of a rule; fields left out stay unchanged.")
class AlertRuleSet:
    """Changes of a rule as input."""

    enabled: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Whether the rule is active."
    )
    threshold: int | None = strawberry.field(
        default=strawberry.UNSET,
        description="The number from which on the rule raises an alert, 1 to 1,000,000.",
    )
    minutes: int | None = strawberry.field(
        default=strawberry.UNSET, description="The length of the window in minutes, 1 to 1440."
    )
    times: float | None = strawberry.field(
        default=strawberry.UNSET,
        description="The factor above the usual number of the user that is also required, 1 to "
        "1000; null: not required.",
    )
    ceiling: int | None = strawberry.field(
        default=strawberry.UNSET,
        description="The number that raises an alert even if it is usual, not below the "
        "threshold; null: no such limit.",
    )
    hours: WorkingHoursInput | None = strawberry.field(
        default=strawberry.UNSET, description="The working hours, for ODD_HOURS only."
    )

    def changes(self) -> dict[str, Any]:
        """Return the values that the input names. Raises `BadInput`."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values = {name: value for name, value in values.items() if value is not strawberry.UNSET}
        for name in ("enabled", "threshold", "minutes"):
            if name in values and values[name] is None:
                raise BadInput(
                    f"{name} must not be null; leave it out to keep its value.",
                    f"{name} 不能为 null，如需保持不变请省略该字段。",
                    field=f"set.{name}",
                )
        if isinstance(values.get("hours"), WorkingHoursInput):
            values["hours"] = values["hours"].hours()
        return values


@strawberry.type(description="The rule after the change, or the errors.")
class AlertRulePayload:
    """The result of `updateAlertRule`."""

    alert_rule: AlertRule | None = strawberry.field(
        default=None, description="The rule after the change."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty on success."
    )


@strawberry.type
class AlertRuleQuery:
    """Queries of alert rules."""

    @strawberry.field(
        description="The rules of unusual access.", metadata=right("AlertRule", "read")
    )
    async def alert_rules(self, info: Info) -> list[AlertRule]:
        """Return all rules."""
        rules = await info.context.read(store.list_rules, info.context.scope("AlertRule"))
        return [AlertRule.of(rule) for rule in rules]


@strawberry.type
class AlertRuleMutation:
    """Mutations of alert rules."""

    @strawberry.mutation(
        description="Change a rule of unusual access. It applies to events from now on.",
        metadata=right("AlertRule", "update"),
    )
    @answers(AlertRulePayload)
    async def update_alert_rule(
        self,
        info: Info,
        kind: Annotated[AlertKind, strawberry.argument(description="The rule to change.")],
        set: Annotated[AlertRuleSet, strawberry.argument(description="The changes of the rule.")],
        expected_version: ExpectedVersion = None,
    ) -> AlertRulePayload:
        """Change a rule."""
        scope = info.context.scope("AlertRule", "update")
        rule = await info.context.write(
            commands.change_rule, scope, kind, set.changes(), expected_version
        )
        return AlertRulePayload(alert_rule=AlertRule.of(rule))


def _parse_time(text: str, field: str) -> time:
    try:
        parsed: time | None = time.fromisoformat(text)
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is not None or parsed.second or parsed.microsecond:
        raise BadInput(
            f'{field} "{text[:20]}" is not a time; write it as 07:00.',
            f"{field} “{text[:20]}”不是有效时间，请写成 07:00。",
            field=field,
        )
    return parsed
