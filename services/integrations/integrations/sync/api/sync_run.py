"""Sync runs: asking for one, watching it, stopping it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy.orm import Session

from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect, page
from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from chassis.errors import BadInput, NotFound
from chassis.idempotency import run_idempotent
from chassis.policy.scope import Scope
from integrations.core.api.ids import uuid
from integrations.core.api.words import IntegrationsInfo, Reason, User, told
from integrations.sync import store
from integrations.sync.commands import sync_run as commands
from integrations.sync.domain import RunStatus, SyncMode
from integrations.sync.services import trace
from integrations.sync.store import SyncPageRow, SyncRunRow

if TYPE_CHECKING:
    from integrations.installations.api.installation import Installation

LazyInstallation = Annotated[
    "Installation", strawberry.lazy("integrations.installations.api.installation")
]


@strawberry.type(description="How many of what; grows while the run goes on.")
class RunCounters:
    pages: int = strawberry.field(description="Pages read.")
    fetched: int = strawberry.field(description="Records read.")
    created: int = strawberry.field(description="Customers that are new.")
    updated: int = strawberry.field(description="Customers that changed.")
    unchanged: int = strawberry.field(description="Records that said nothing new.")
    matched: int = strawberry.field(description="Records that joined a customer from elsewhere.")
    ambiguous: int = strawberry.field(description="Records that a person must decide about.")
    rejected: int = strawberry.field(description="Records that the customer pool refused.")
    dead_lettered: int = strawberry.field(description="Records that were left aside.")
    deleted: int = strawberry.field(description="Records that the source has given up.")
    calls: int = strawberry.field(description="Requests sent to the source.")
    retries: int = strawberry.field(description="How many of them were repetitions.")


@strawberry.type(description="One page of a run and how long its parts took.")
class RunPage:
    number: int = strawberry.field(description="Counted from 1 within the run.")
    stream: str = strawberry.field(description="Which list of records.")
    fetched: int = strawberry.field(description="Records on the page.")
    delivered: int = strawberry.field(description="How many of them had news.")
    dead_lettered: int = strawberry.field(description="How many were left aside.")
    fetch_ms: int = strawberry.field(description="Milliseconds the source took.")
    map_ms: int = strawberry.field(description="Milliseconds to map.")
    deliver_ms: int = strawberry.field(description="Milliseconds the customer pool took.")
    at: datetime = strawberry.field(description="When it was committed.")

    @classmethod
    def of(cls, row: SyncPageRow) -> RunPage:
        return cls(**{name: getattr(row, name) for name in SyncPageRow.__dataclass_fields__})


@strawberry.federation.type(keys=["id"], description="One reading of a source, and how it went.")
class SyncRun:
    id: strawberry.ID = strawberry.field(description="The run's id.")
    mode: SyncMode = strawberry.field(description="How much it reads.")
    status: RunStatus = strawberry.field(description="Where it stands.")
    installation_revision: int = strawberry.field(description="The set-up it began with.")
    requested_by: User | None = strawberry.field(description="Null: the schedule asked for it.")
    queued_at: datetime = strawberry.field(description="When it was asked for.")
    started_at: datetime | None = strawberry.field(description="When a worker took it.")
    finished_at: datetime | None = strawberry.field(description="When it ended.")
    heartbeat_at: datetime | None = strawberry.field(
        description="The last sign of life of its worker."
    )
    waiting_until: datetime | None = strawberry.field(
        description="It is laid aside until then; `reason` says why."
    )
    stream: str | None = strawberry.field(description="The list of records it is reading.")
    stream_fetched: int = strawberry.field(description="Records of that list read so far.")
    stream_total: int | None = strawberry.field(
        description="How many the source says there are, where it says so."
    )
    cancel_requested: bool = strawberry.field(description="It will stop before its next page.")
    counters: RunCounters = strawberry.field(description="How many of what.")
    trace_id: str | None = strawberry.field(description="The trace of everything the run did.")
    _row: strawberry.Private[SyncRunRow]

    @strawberry.field(description="The source it reads.", metadata=right("Installation"))
    async def installation(self, info: IntegrationsInfo) -> LazyInstallation | None:
        from integrations.installations.api.installation import Installation

        found = await info.context.loaders.installations.load(self._row.installation_id)
        return Installation.of(found) if found else None

    @strawberry.field(description="Where to look at the trace, if anywhere.")
    def trace_url(self, info: IntegrationsInfo) -> str | None:
        template = info.context.runtime.settings.trace_url
        found = self._row.trace_id
        return template.replace("{trace_id}", found) if template and found else None

    @strawberry.field(description="Why it failed, waits or is partial, and what would mend it.")
    def reason(self, info: IntegrationsInfo) -> Reason | None:
        row = self._row
        if row.error_code is None:
            return None
        said = (row.error_code, row.error_en, row.error_zh, row.fix_en, row.fix_zh)
        return told(said, info.context.locale)

    @strawberry.field(description="The newest pages first.")
    async def pages(self, info: IntegrationsInfo, first: First = DEFAULT_FIRST) -> list[RunPage]:
        found = await info.context.read(store.pages, self._row.id, Window(first).first)
        return [RunPage.of(row) for row in found]

    @classmethod
    async def resolve_reference(cls, info: IntegrationsInfo, id: strawberry.ID) -> SyncRun | None:
        found = await info.context.loaders.runs.load(uuid(id, "id"))
        return cls.of(found) if found else None

    @classmethod
    def of(cls, row: SyncRunRow) -> SyncRun:
        return cls(
            id=strawberry.ID(str(row.id)),
            mode=SyncMode(row.mode),
            status=RunStatus(row.status),
            installation_revision=row.revision,
            requested_by=User(id=strawberry.ID(str(row.requested_by)))
            if row.requested_by
            else None,
            queued_at=row.queued_at,
            started_at=row.started_at,
            finished_at=row.finished_at,
            heartbeat_at=row.heartbeat_at,
            waiting_until=row.not_before,
            stream=row.stream or None,
            stream_fetched=row.stream_fetched,
            stream_total=row.stream_total,
            cancel_requested=row.cancel_requested,
            counters=RunCounters(
                **{name: getattr(row, name) for name in RunCounters.__annotations__}
            ),
            trace_id=row.trace_id,
            _row=row,
        )


@strawberry.type(description="A run after a write, or why the write was refused.")
class SyncRunPayload:
    run: SyncRun | None = strawberry.field(default=None, description="The run as it is now.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty: it was done."
    )


def runs_page(session: Session, scope: Scope, installation_id: UUID | None, window: Window) -> Any:
    """One page of runs, the newest first."""
    order: Any = ((store.sync_run.c.queued_at, "desc"), (store.sync_run.c.id, "desc"))
    return page(session, store.all_rows(scope, installation_id), order=order, window=window)


def run_of(row: Any) -> SyncRun:
    """A row of such a page."""
    return SyncRun.of(SyncRunRow(*row[: len(SyncRunRow.__dataclass_fields__)]))


@strawberry.type
class SyncRunQuery:
    @strawberry.field(description="One run.", metadata=right("SyncRun"))
    async def sync_run(
        self,
        info: IntegrationsInfo,
        id: Annotated[strawberry.ID, strawberry.argument(description="The run's id.")],
    ) -> SyncRun | None:
        return await SyncRun.resolve_reference(info, id)

    @strawberry.field(description="Runs, the newest first.", metadata=right("SyncRun"))
    async def sync_runs(
        self,
        info: IntegrationsInfo,
        installation_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Left out: of all sources.")
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[SyncRun]:
        id = uuid(installation_id, "installationId") if installation_id else None
        scope = info.context.scope("SyncRun")
        found = await info.context.read(runs_page, scope, id, Window(first, after))
        answer: Connection[SyncRun] = connect(found, run_of)
        return answer


@strawberry.type
class SyncRunMutation:
    @strawberry.mutation(
        description="Read a source now. One run of a source goes on at a time.",
        metadata=right("SyncRun", "start"),
    )
    @answers(SyncRunPayload)
    async def start_sync(
        self,
        info: IntegrationsInfo,
        installation_id: Annotated[strawberry.ID, strawberry.argument(description="Which source.")],
        mode: Annotated[
            SyncMode, strawberry.argument(description="INCREMENTAL or FULL.")
        ] = SyncMode.INCREMENTAL,
        idempotency_key: Annotated[
            str | None,
            strawberry.argument(
                description="Sent again with the same key, it starts no second run."
            ),
        ] = None,
    ) -> SyncRunPayload:
        id = uuid(installation_id, "installationId")
        if mode is SyncMode.REPLAY:
            raise _replay_is_elsewhere()
        scope = info.context.scope("SyncRun", "start")
        run = await info.context.write(_start, scope, id, mode, idempotency_key)
        return SyncRunPayload(run=await SyncRun.resolve_reference(info, strawberry.ID(run)))

    @strawberry.mutation(
        description="Stop a run before its next page. What it has brought in stays.",
        metadata=right("SyncRun", "start"),
    )
    @answers(SyncRunPayload)
    async def cancel_sync(
        self,
        info: IntegrationsInfo,
        id: Annotated[strawberry.ID, strawberry.argument(description="The run's id.")],
    ) -> SyncRunPayload:
        run = await info.context.loaders.runs.load(uuid(id, "id"))
        if run is None:
            raise missing_run(id)
        scope = info.context.scope("SyncRun", "start")
        await info.context.write(commands.request_cancel, scope, run.id, run)
        info.context.loaders.runs.clear(run.id)
        return SyncRunPayload(run=await SyncRun.resolve_reference(info, id))


def missing_run(id: str) -> NotFound:
    return NotFound(
        f"There is no run {id}, or you may not see it.",
        f"没有编号为 {id} 的同步记录，或您无权查看。",
        field="id",
    )


def _replay_is_elsewhere() -> BadInput:
    return BadInput(
        "mode REPLAY is started by retryDeadLetters; here it is INCREMENTAL or FULL.",
        "REPLAY 模式由 retryDeadLetters 发起，此处应为 INCREMENTAL 或 FULL。",
        field="mode",
    )


def _start(session: Session, scope: Scope, id: UUID, mode: SyncMode, key: str | None) -> str:
    def run() -> dict[str, str]:
        traceparent = trace.new_run(str(id), mode.value)
        return {"run": str(commands.start(session, scope, id, mode, traceparent))}

    asked = {"installation": str(id), "mode": mode.value}
    return str(
        run_idempotent(session, scope.actor.user_id, key, "startSync", run, request=asked)["run"]
    )
