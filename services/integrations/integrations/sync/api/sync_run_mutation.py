"""Mutations that start and cancel sync runs."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import strawberry
from sqlalchemy.orm import Session

from chassis.api.context import Info
from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from chassis.errors import BadInput, NotFound
from chassis.idempotency import run_idempotent
from chassis.policy.scope import Scope
from integrations.core.api.ids import uuid
from integrations.sync.api.loaders import SyncRunLoaders
from integrations.sync.api.sync_run import SyncRun
from integrations.sync.commands import sync_run as commands
from integrations.sync.domain import SyncMode
from integrations.sync.services import trace


@strawberry.type(description="The run after a write, or the reasons why the write was refused.")
class SyncRunPayload:
    """The result of a mutation of a run."""

    run: SyncRun | None = strawberry.field(default=None, description="The run after the write.")
    errors: list[UserError] = strawberry.field(
        default_factory=list,
        description="Why the write was refused; empty when it was done.",
    )


@strawberry.type
class SyncRunMutation:
    """Mutations for sync runs."""

    @strawberry.mutation(
        description="Start reading a source now. An installation has at most one active run.",
        metadata=right("SyncRun", "start"),
    )
    @answers(SyncRunPayload)
    async def start_sync(
        self,
        info: Info,
        installation_id: Annotated[
            strawberry.ID, strawberry.argument(description="The installation to read.")
        ],
        mode: Annotated[
            SyncMode, strawberry.argument(description="INCREMENTAL or FULL.")
        ] = SyncMode.INCREMENTAL,
        idempotency_key: Annotated[
            str | None,
            strawberry.argument(
                description="A repeated request with the same key starts no further run."
            ),
        ] = None,
    ) -> SyncRunPayload:
        """Queue a run."""
        id = uuid(installation_id, "installationId")
        if mode is SyncMode.REPLAY:
            raise _replay_refused()
        scope = info.context.scope("SyncRun", "start")
        run = await info.context.write(_start, scope, id, mode, idempotency_key)
        return SyncRunPayload(run=await SyncRun.resolve_reference(info, strawberry.ID(run)))

    @strawberry.mutation(
        description="Stop a run before its next page. Records delivered so far stay.",
        metadata=right("SyncRun", "start"),
    )
    @answers(SyncRunPayload)
    async def cancel_sync(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The run's id.")],
    ) -> SyncRunPayload:
        """Request the end of a run."""
        loader = info.context.loaders_of(SyncRunLoaders).run
        run = await loader.load(uuid(id, "id"))
        if run is None:
            raise _missing_run(id)
        scope = info.context.scope("SyncRun", "start")
        await info.context.write(commands.request_cancel, scope, run.id, run)
        loader.clear(run.id)
        return SyncRunPayload(run=await SyncRun.resolve_reference(info, id))


def _missing_run(id: str) -> NotFound:
    return NotFound(
        f"There is no sync run {id}, or you may not see it.",
        f"没有编号为 {id} 的同步记录，或您无权查看。",
        field="id",
    )


def _replay_refused() -> BadInput:
    return BadInput(
        "mode must be INCREMENTAL or FULL; REPLAY is started with retryDeadLetters.",
        "mode 应为 INCREMENTAL 或 FULL；REPLAY 模式请通过 retryDeadLetters 发起。",
        field="mode",
    )


def _start(session: Session, scope: Scope, id: UUID, mode: SyncMode, key: str | None) -> str:
    def start_run() -> dict[str, str]:
        traceparent = trace.new_run(str(id), mode.value)
        return {"run": str(commands.start(session, scope, id, mode, traceparent))}

    request = {"installation": str(id), "mode": mode.value}
    result = run_idempotent(
        session, scope.actor.user_id, key, "startSync", start_run, request=request
    )
    return str(result["run"])
