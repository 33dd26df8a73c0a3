"""Alerts about unusual access: seen, acknowledged and resolved by somebody else."""

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
from identity.ledger.api.audit_event import AuditEvent, shows
from identity.ledger.commands import access_alert as commands
from identity.ledger.domain.access_alert import AccessAlert as Alert, AlertFilter, AlertStatus
from identity.ledger.domain.audit_event import Filter, asked
from identity.ledger.store import access_alert as store, audit_event as events
from identity.people.api.types import User, user_of

strawberry.enum(
    AlertStatus,
    description="OPEN: nobody looked yet. ACKNOWLEDGED: somebody looks. RESOLVED: somebody decided "
    "what it was.",
)
_REASONS = {
    AlertKind.BULK_READING: (
        "Read the personal data of {n} people and companies.",
        "查看了 {n} 个客户的个人信息。",
    ),
    AlertKind.ODD_HOURS: (
        "Read or exported the personal data of {n} outside working hours.",
        "在非工作时间查看或导出了 {n} 条个人信息。",
    ),
    AlertKind.EXPORT_BURST: ("Took {n} exports.", "下载了 {n} 次导出文件。"),
    AlertKind.EXPORT_ROWS: ("Exported {n} rows.", "导出了 {n} 行数据。"),
    AlertKind.REFUSALS: ("Was refused {n} times by the policy.", "被权限策略拒绝 {n} 次。"),
    AlertKind.REFUSED_SIGN_INS: (
        "{n} attempts to sign in as this user were refused.",
        "以该用户身份登录被拒绝 {n} 次。",
    ),
    AlertKind.SIGN_IN_ADDRESSES: (
        "Signed in from {n} network addresses.",
        "从 {n} 个网络地址登录。",
    ),
}


@strawberry.type(description="Somebody did more of something than is usual.")
class AccessAlert:
    id: strawberry.ID = strawberry.field(description="The alert's id.")
    version: int = strawberry.field(description="Grows with every change; give it back on writes.")
    kind: AlertKind = strawberry.field(description="The rule that raised it.")
    status: AlertStatus = strawberry.field(description="How far somebody has looked at it.")
    reason: str = strawberry.field(description="What happened, in a sentence.")
    user_id: strawberry.ID = strawberry.field(description="Who it is about.")
    measure: int = strawberry.field(description="How much it was at most.")
    threshold: int = strawberry.field(description="From when on it was too much.")
    usual: float | None = strawberry.field(
        description="How much was usual for them; null: they are not known long enough."
    )
    begins: datetime = strawberry.field(description="When it began.")
    ends: datetime = strawberry.field(description="When it was last seen to go on.")
    raised_at: datetime = strawberry.field(description="When the alert was raised.")
    note: str | None = strawberry.field(description="What was said when it was decided.")
    decided_at: datetime | None = strawberry.field(description="When that was.")
    alert: strawberry.Private[Alert]

    @strawberry.field(description="Who it is about.", metadata=right("User"))
    async def user(self, info: Info) -> User | None:
        return await user_of(info, UserId(self.alert.subject))

    @strawberry.field(description="Who decided.", metadata=right("User"))
    async def decided_by(self, info: Info) -> User | None:
        who = self.alert.decided_by
        return await user_of(info, UserId(who) if who else None)

    @strawberry.field(
        description="What they did in that time, from the ledger.", metadata=right("AuditEvent")
    )
    async def events(
        self, info: Info, first: First = DEFAULT_FIRST, after: After = None
    ) -> Connection[AuditEvent]:
        alert = self.alert
        wanted = Filter(actor=UserId(alert.subject), since=alert.begins, through=alert.ends)
        if alert.kind is AlertKind.REFUSED_SIGN_INS:
            wanted = Filter(resource=str(alert.subject), since=alert.begins, through=alert.ends)
        scope = info.context.scope("AuditEvent")
        found = await info.context.read(events.listed, scope, wanted, Window(first, after))
        info.context.tell("read", "AuditEvent", filter=asked(wanted), rows=len(found.rows))
        show = shows(info)
        answer: Connection[AuditEvent] = connect(found, lambda event: AuditEvent.of(event, show))
        return answer

    @classmethod
    def of(cls, alert: Alert, locale: str) -> AccessAlert:
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


@strawberry.input(description="Which alerts a list is about; what is left out does not matter.")
class AccessAlertFilter:
    statuses: list[AlertStatus] | None = strawberry.field(default=None, description="Any of these.")
    kind: AlertKind | None = strawberry.field(default=None, description="Raised by this rule.")
    user_id: strawberry.ID | None = strawberry.field(default=None, description="About this user.")


@strawberry.type(description="The alert after a decision, or why it was refused.")
class AccessAlertPayload:
    access_alert: AccessAlert | None = strawberry.field(default=None, description="As it is now.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty: it was done."
    )


@strawberry.type
class AccessAlertQuery:
    @strawberry.field(
        description="Alerts about unusual access, the newest first.",
        metadata=right("AccessAlert"),
    )
    async def access_alerts(
        self,
        info: Info,
        filter: Annotated[
            AccessAlertFilter | None, strawberry.argument(description="Which alerts; null: all.")
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[AccessAlert]:
        said = filter or AccessAlertFilter()
        wanted = AlertFilter(
            statuses=tuple(said.statuses or ()),
            kind=said.kind,
            subject=maybe_uuid(said.user_id, "filter.userId"),
        )
        ctx = info.context
        scope = ctx.scope("AccessAlert")
        found = await ctx.read(store.listed, scope, wanted, Window(first, after))
        answer: Connection[AccessAlert] = connect(
            found, lambda alert: AccessAlert.of(alert, ctx.locale)
        )
        return answer


AlertId = Annotated[strawberry.ID, strawberry.argument(description="The alert's id.")]
Note = Annotated[str, strawberry.argument(description="What you found; at most 1,000 characters.")]


@strawberry.type
class AccessAlertMutation:
    @strawberry.mutation(
        description="Say that you look at an alert. Nobody decides about themselves.",
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
        return await _decide(info.context, id, AlertStatus.ACKNOWLEDGED, note, expected_version)

    @strawberry.mutation(
        description="Say what an alert was. What goes on afterwards raises a new one.",
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
        return await _decide(info.context, id, AlertStatus.RESOLVED, note, expected_version)


async def _decide(
    ctx: Context, id: str, status: AlertStatus, note: str, expected: int | None
) -> AccessAlertPayload:
    alert = AccessAlertId(uuid(id, "id"))
    scope = ctx.scope("AccessAlert", "update")
    await ctx.write(commands.decide, scope, alert, status, note, expected)
    found = await ctx.read(store.by_id, scope, alert)
    return AccessAlertPayload(access_alert=AccessAlert.of(found, ctx.locale) if found else None)
