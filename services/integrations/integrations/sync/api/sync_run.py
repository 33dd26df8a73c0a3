"""Sync runs: start one, watch it, cancel it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy.orm import Session

from chassis.api.context import Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect, page
from chassis.api.rights import right
from chassis.policy.scope import Scope
from integrations.core.api.ids import uuid
from integrations.core.api.types import Reason, User, stored_reason
from integrations.installations.api.installation import Installation
from integrations.installations.api.loaders import InstallationLoaders
from integrations.installations.store import InstallationRow
from integrations.records.store.source_record import SourceRecordRow
from integrations.sync import store
from integrations.sync.api.loaders import SyncRunLoaders
from integrations.sync.domain import RunStatus, SyncMode
from integrations.sync.store import SyncPageRow, SyncRunRow

strawberry.enum(
    RunStatus,
    description="QUEUED: waits for a worker. RUNNING: a worker reads the source. SUCCEEDED: every "
    "record was read and accepted. PARTIAL: some records became dead letters, or the source "
    "returned fewer records than it announced. FAILED: it stopped, and the next run continues "
    "where the last complete one ended. CANCELLED: a user stopped it.",
)
strawberry.enum(
    SyncMode,
    description="INCREMENTAL: records that changed since the last complete run. FULL: all records. "
    "REPLAY: dead letters, from the stored records; the source is not called.",
)


@strawberry.type(description="The counters of a run; they grow while it is running.")
class RunCounters:
    """How many pages, records and requests a run had."""

    pages: int = strawberry.field(description="Pages read.")
    fetched: int = strawberry.field(description="Records read.")
    created: int = strawberry.field(description="Records that became a new customer.")
    updated: int = strawberry.field(description="Records that changed their customer.")
    unchanged: int = strawberry.field(description="Records that held nothing new.")
    matched: int = strawberry.field(
        description="Records that were linked to a customer from another source."
    )
    ambiguous: int = strawberry.field(
        description="Records that fit several customers and need a person's decision."
    )
    rejected: int = strawberry.field(description="Records that the customer pool refused.")
    dead_lettered: int = strawberry.field(description="Records that became dead letters.")
    deleted: int = strawberry.field(description="Records that the source has deleted.")
    calls: int = strawberry.field(description="Requests sent to the source.")
    retries: int = strawberry.field(description="Requests that were repetitions.")


@strawberry.type(description="One page of a run, with the duration of each step.")
class RunPage:
    """A committed page of a run."""

    number: int = strawberry.field(description="The page's number within the run, from 1.")
    stream: str = strawberry.field(description="The stream the page belongs to.")
    fetched: int = strawberry.field(description="Records on the page.")
    delivered: int = strawberry.field(
        description="Records on the page that had changed and were delivered."
    )
    dead_lettered: int = strawberry.field(
        description="Records on the page that became dead letters."
    )
    fetch_ms: int = strawberry.field(description="Milliseconds the source took.")
    map_ms: int = strawberry.field(description="Milliseconds the mapping took.")
    deliver_ms: int = strawberry.field(description="Milliseconds the customer pool took.")
    at: datetime = strawberry.field(description="When the page was committed.")

    @classmethod
    def of(cls, row: SyncPageRow) -> RunPage:
        """Return the GraphQL object of a row."""
        return cls(**{name: getattr(row, name) for name in SyncPageRow.__dataclass_fields__})


@strawberry.federation.type(keys=["id"], description="One reading of a source, and its result.")
class SyncRun:
    """A sync run in the scope of the caller."""

    id: strawberry.ID = strawberry.field(description="The run's id.")
    mode: SyncMode = strawberry.field(description="Which records the run reads.")
    status: RunStatus = strawberry.field(description="The run's status.")
    installation_revision: int = strawberry.field(
        description="The revision of the installation the run started with."
    )
    requested_by: User | None = strawberry.field(
        description="The user who requested the run; null: the schedule started it."
    )
    queued_at: datetime = strawberry.field(description="When the run was requested.")
    started_at: datetime | None = strawberry.field(description="When a worker first claimed it.")
    finished_at: datetime | None = strawberry.field(description="When the run ended.")
    heartbeat_at: datetime | None = strawberry.field(
        description="When its worker last renewed the lease."
    )
    waiting_until: datetime | None = strawberry.field(
        description="The run is suspended until then; `reason` says why."
    )
    stream: str | None = strawberry.field(description="The stream the run is reading.")
    stream_fetched: int = strawberry.field(description="Records of that stream read so far.")
    stream_total: int | None = strawberry.field(
        description="Number of records the source announces for that stream, where it does."
    )
    cancel_requested: bool = strawberry.field(
        description="Whether the run will stop before its next page."
    )
    counters: RunCounters = strawberry.field(description="The run's counters.")
    trace_id: str | None = strawberry.field(description="The trace id of the whole run.")
    _row: strawberry.Private[SyncRunRow]

    @strawberry.field(description="The installation the run reads.", metadata=right("Installation"))
    async def installation(self, info: Info) -> Installation | None:
        """Load the installation."""
        loaders = info.context.loaders_of(InstallationLoaders)
        row = await loaders.installation.load(self._row.installation_id)
        return Installation.of(row) if row else None

    @strawberry.field(
        description="The address of the trace in the tracing system; null where none is set up."
    )
    def trace_url(self, info: Info) -> str | None:
        """Fill the trace id into the configured template."""
        template = info.context.runtime.settings.trace_url
        trace_id = self._row.trace_id
        return template.replace("{trace_id}", trace_id) if template and trace_id else None

    @strawberry.field(
        description="Why the run failed, waits or is partial, and what would resolve it."
    )
    def reason(self, info: Info) -> Reason | None:
        """Return the stored failure in the language of the request."""
        row = self._row
        if row.error_code is None:
            return None
        return stored_reason(
            info.context.locale,
            row.error_code,
            row.error_en,
            row.error_zh,
            row.fix_en,
            row.fix_zh,
        )

    @strawberry.field(description="The pages of the run, newest first.")
    async def pages(self, info: Info, first: First = DEFAULT_FIRST) -> list[RunPage]:
        """Load the newest pages."""
        rows = await info.context.read(store.pages, self._row.id, Window(first).first)
        return [RunPage.of(row) for row in rows]

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> SyncRun | None:
        """Return the run of a federation reference, or `None` outside the caller's scope."""
        row = await info.context.loaders_of(SyncRunLoaders).run.load(uuid(id, "id"))
        return cls.of(row) if row else None

    @classmethod
    def of(cls, row: SyncRunRow) -> SyncRun:
        """Return the GraphQL object of a row."""
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


@strawberry.type
class InstallationRuns:
    """The fields this capability adds to `Installation`."""

    _row: strawberry.Private[InstallationRow]

    @strawberry.field(description="The newest run.", metadata=right("SyncRun"))
    async def latest_run(self, info: Info) -> SyncRun | None:
        """Load the newest run."""
        row = await info.context.loaders_of(SyncRunLoaders).latest_run.load(self._row.id)
        return SyncRun.of(row) if row else None

    @strawberry.field(
        description="All runs of the installation, newest first.", metadata=right("SyncRun")
    )
    async def runs(
        self, info: Info, first: First = DEFAULT_FIRST, after: After = None
    ) -> Connection[SyncRun]:
        """Load one page of the installation's runs."""
        scope = info.context.scope("SyncRun")
        rows = await info.context.read(_runs_page, scope, self._row.id, Window(first, after))
        connection: Connection[SyncRun] = connect(rows, _run)
        return connection


@strawberry.type
class SourceRecordRun:
    """The field this capability adds to `SourceRecord`."""

    _row: strawberry.Private[SourceRecordRow]

    @strawberry.field(
        description="The run that last delivered the record.", metadata=right("SyncRun")
    )
    async def run(self, info: Info) -> SyncRun | None:
        """Load the run."""
        row = await info.context.loaders_of(SyncRunLoaders).run.load(self._row.run_id)
        return SyncRun.of(row) if row else None


@strawberry.type
class SyncRunQuery:
    """Queries for sync runs."""

    @strawberry.field(description="One sync run.", metadata=right("SyncRun"))
    async def sync_run(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The run's id.")],
    ) -> SyncRun | None:
        """Load one run."""
        return await SyncRun.resolve_reference(info, id)

    @strawberry.field(description="Sync runs, newest first.", metadata=right("SyncRun"))
    async def sync_runs(
        self,
        info: Info,
        installation_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="Filter by installation; null: of all installations."),
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[SyncRun]:
        """Load one page of runs."""
        id = uuid(installation_id, "installationId") if installation_id else None
        scope = info.context.scope("SyncRun")
        rows = await info.context.read(_runs_page, scope, id, Window(first, after))
        connection: Connection[SyncRun] = connect(rows, _run)
        return connection


def _runs_page(session: Session, scope: Scope, installation_id: UUID | None, window: Window) -> Any:
    order: Any = ((store.sync_run.c.queued_at, "desc"), (store.sync_run.c.id, "desc"))
    return page(session, store.all_rows(scope, installation_id), order=order, window=window)


def _run(row: Any) -> SyncRun:
    return SyncRun.of(SyncRunRow(*row[: len(SyncRunRow.__dataclass_fields__)]))
