"""GraphQL API of alerts about unusual access: list, acknowledge and resolve them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from chassis.api.context import Context, Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from identity.core.api.arguments import ExpectedVersion
from identity.core.api.ids import maybe_uuid, uuid
from identity.core.domain.ids import AccessAlertId, UserId
from identity.ledger.api.alert_rule import AlertKind
from identity.ledger.api.audit_event import AuditEvent, field_redactor
from identity.ledger.commands import access_alert as commands
from identity.ledger.domain.access_alert import AccessAlert as Alert, AlertFilter, AlertStatus
from identity.ledger.domain.audit_event import Filter, filter_details
from identity.ledger.store import access_alert as store, audit_event as events
from identity.people.api.types import User, user_of

strawberry.enum(
    AlertStatus,
    description="OPEN: not handled yet. ACKNOWLEDGED: a user is examining it. RESOLVED: the cause "
    "was decided.",
)
_REASONS = {
    AlertKind.BULK_READING: (
        "Read the personal data of {n} customers.",
        "查看了 {n} 个客户的个人信息。",
    ),
    AlertKind.ODD_HOURS: (
        "Read or exported {n} records of personal data outside working hours.",
        "在非工作时间查看或导出了 {n} 条个人信息。",
    ),
    AlertKind.EXPORT_BURST: ("Downloaded {n} exports.", "下载了 {n} 次导出文件。"),
    AlertKind.EXPORT_ROWS: ("Exported {n} rows.", "导出了 {n} 行数据。"),
    AlertKind.REFUSALS: ("The policy denied access {n} times.", "被权限策略拒绝 {n} 次。"),
    AlertKind.REFUSED_SIGN_INS: (
        "{n} attempts to sign in as this user were refused.",
        "以该用户身份登录被拒绝 {n} 次。",
    ),
    AlertKind.SIGN_IN_ADDRESSES: (
        "Signed in from {n} network addresses.",
        "从 {n} 个网络地址登录。",
    ),
}


@strawberry.type(description="A user did more of something than is usual.")
class AccessAlert:
    """An alert about unusual access."""

    id: strawberry.ID = strawberry.field(description="The alert's id.")
    version: int = strawberry.field(
        description="The version of the alert, which grows with every change; pass it as "
        "`expectedVersion`."
    )
    kind: AlertKind = strawberry.field(description="The rule that raised it.")
    status: AlertStatus = strawberry.field(description="How far the alert has been handled.")
    reason: str = strawberry.field(description="What happened, in a sentence.")
    user_id: strawberry.ID = strawberry.field(description="The user the alert is about.")
    measure: int = strawberry.field(description="The largest number that the rule counted.")
    threshold: int = strawberry.field(
        description="The number from which on the rule raises an alert."
    )
    usual: float | None = strawberry.field(
        description="The usual number for the user; null: too few days are known."
    )
    begins: datetime = strawberry.field(description="When the unusual access began.")
    ends: datetime = strawberry.field(description="When the unusual access was last observed.")
    raised_at: datetime = strawberry.field(description="When the alert was raised.")
    note: str | None = strawberry.field(description="The note of the user who decided the alert.")
    decided_at: datetime | None = strawberry.field(description="When the alert was decided.")
    alert: strawberry.Private[Alert]

    @strawberry.field(description="The user the alert is about.", metadata=right("User"))
    async def user(self, info: Info) -> User | None:
        """Return the user the alert is about."""
        return await user_of(info, UserId(self.alert.subject))

    @strawberry.field(description="The user who decided the alert.", metadata=right("User"))
    async def decided_by(self, info: Info) -> User | None:
        """Return the user who decided the alert."""
        decider_id = self.alert.decided_by
        return await user_of(info, UserId(decider_id) if decider_id else None)

    @strawberry.field(
        description="What the user did in that time, from the ledger.", metadata=right("AuditEvent")
    )
    async def events(
        self, info: Info, first: First = DEFAULT_FIRST, after: After = None
    ) -> Connection[AuditEvent]:
        """Return what the user did in that time."""
        alert = self.alert
        event_filter = Filter(actor=UserId(alert.subject), since=alert.begins, through=alert.ends)
        if alert.kind is AlertKind.REFUSED_SIGN_INS:
            event_filter = Filter(
                resource=str(alert.subject), since=alert.begins, through=alert.ends
            )
        scope = info.context.scope("AuditEvent")
        page = await info.context.read(
            events.list_events, scope, event_filter, Window(first, after)
        )
        info.context.record_audit(
            "read", "AuditEvent", filter=filter_details(event_filter), rows=len(page.rows)
        )
        redact = field_redactor(info)
        connection: Connection[AuditEvent] = connect(
            page, lambda event: AuditEvent.of(event, redact)
        )
        return connection

    @classmethod
    def of(cls, alert: Alert, locale: str) -> AccessAlert:
        """Build the GraphQL type from an alert."""
        en, zh = _REASONS[alert.kind]
        return cls(
            id=strawberry.ID(str(alert.id)),
            version=alert.version,
            kind=alert.kind,
            status=alert.status,
            reason=(zh if locale.startswith("zh") else en).format(n=alert.measure),
            user_id=strawberry.ID(str(alert.subject)),
            measure=alert.measure,
            threshold=alert.threshold,
            usual=alert.usual,
            begins=alert.begins,
            ends=alert.ends,
            raised_at=alert.raised_at,
            note=alert.note or None,
            decided_at=alert.decided_at,
            alert=alert,
        )


@strawberry.input(description="Filter of a list of alerts; fields left out do not restrict it.")
class AccessAlertFilter:
    """Filter of a list of alerts."""

    statuses: list[AlertStatus] | None = strawberry.field(
        default=None, description="Filter by status; any of these."
    )
    kind: AlertKind | None = strawberry.field(
        default=None, description="Filter by the rule that raised the alert."
    )
    user_id: strawberry.ID | None = strawberry.field(
        default=None, description="Filter by the user the alert is about."
    )


@strawberry.type(description="The alert after the decision, or the errors.")
class AccessAlertPayload:
    """The result of a decision."""

    access_alert: AccessAlert | None = strawberry.field(
        default=None, description="The alert after the decision."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty on success."
    )


@strawberry.type
class AccessAlertQuery:
    """Queries of alerts."""

    @strawberry.field(
        description="Alerts about unusual access, the newest first.",
        metadata=right("AccessAlert"),
    )
    async def access_alerts(
        self,
        info: Info,
        filter: Annotated[
            AccessAlertFilter | None,
            strawberry.argument(description="The filter; null: all alerts."),
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[AccessAlert]:
        """Return a page of alerts."""
        filter_input = filter or AccessAlertFilter()
        alert_filter = AlertFilter(
            statuses=tuple(filter_input.statuses or ()),
            kind=filter_input.kind,
            subject=maybe_uuid(filter_input.user_id, "filter.userId"),
        )
        ctx = info.context
        scope = ctx.scope("AccessAlert")
        page = await ctx.read(store.list_alerts, scope, alert_filter, Window(first, after))
        connection: Connection[AccessAlert] = connect(
            page, lambda alert: AccessAlert.of(alert, ctx.locale)
        )
        return connection


AlertId = Annotated[strawberry.ID, strawberry.argument(description="The alert's id.")]
Note = Annotated[
    str, strawberry.argument(description="What the examination found; at most 1,000 characters.")
]


@strawberry.type
class AccessAlertMutation:
    """Mutations of alerts."""

    @strawberry.mutation(
        description="Acknowledge an alert, to show that it is being examined. Users may not "
        "decide alerts about themselves.",
        metadata=right("AccessAlert", "update"),
    )
    @answers(AccessAlertPayload)
    async def acknowledge_alert(
        self,
        info: Info,
        id: AlertId,
        note: Note,
        expected_version: ExpectedVersion = None,
    ) -> AccessAlertPayload:
        """Acknowledge an alert."""
        return await _decide(info.context, id, AlertStatus.ACKNOWLEDGED, note, expected_version)

    @strawberry.mutation(
        description="Resolve an alert. If the unusual access goes on, a new alert is raised.",
        metadata=right("AccessAlert", "update"),
    )
    @answers(AccessAlertPayload)
    async def resolve_alert(
        self,
        info: Info,
        id: AlertId,
        note: Note,
        expected_version: ExpectedVersion = None,
    ) -> AccessAlertPayload:
        """Resolve an alert."""
        return await _decide(info.context, id, AlertStatus.RESOLVED, note, expected_version)


async def _decide(
    ctx: Context, id: str, status: AlertStatus, note: str, expected_version: int | None
) -> AccessAlertPayload:
    alert_id = AccessAlertId(uuid(id, "id"))
    scope = ctx.scope("AccessAlert", "update")
    await ctx.write(commands.decide, scope, alert_id, status, note, expected_version)
    alert = await ctx.read(store.by_id, scope, alert_id)
    return AccessAlertPayload(access_alert=AccessAlert.of(alert, ctx.locale) if alert else None)
