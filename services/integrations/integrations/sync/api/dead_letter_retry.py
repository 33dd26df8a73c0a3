"""Retry dead letters: replay runs from the stored records, without calling the source."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy.orm import Session

from chassis.api.context import Info
from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from chassis.errors import NotFound
from chassis.idempotency import run_idempotent
from chassis.policy.scope import Scope
from integrations.core.api.ids import uuids
from integrations.sync.api.loaders import SyncRunLoaders
from integrations.sync.api.sync_run import SyncRun
from integrations.sync.commands import sync_run as commands
from integrations.sync.services import trace


@strawberry.type(description="The replay runs, or the reasons why none was started.")
class RetryDeadLettersPayload:
    """The result of a retry."""

    runs: list[SyncRun] = strawberry.field(
        default_factory=list, description="One run for each installation."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list,
        description="Why the retry was refused; empty when it was started.",
    )


@strawberry.type
class DeadLetterMutation:
    """Mutations for dead letters."""

    @strawberry.mutation(
        description="Retry dead letters from their stored records with the present mapping; the "
        "source is not called. 1 to 1000 ids.",
        metadata=right("DeadLetter", "retry"),
    )
    @answers(RetryDeadLettersPayload)
    async def retry_dead_letters(
        self,
        info: Info,
        ids: Annotated[
            list[strawberry.ID], strawberry.argument(description="The ids of the dead letters.")
        ],
        idempotency_key: Annotated[
            str | None,
            strawberry.argument(
                description="A repeated request with the same key starts no further runs."
            ),
        ] = None,
    ) -> RetryDeadLettersPayload:
        """Start one replay run for each installation of the dead letters."""
        dead_letters = uuids(ids, "ids")
        scope = info.context.scope("DeadLetter", "retry")
        run_ids = await info.context.write(_retry, scope, dead_letters, idempotency_key)
        runs = await info.context.loaders_of(SyncRunLoaders).run.load_many(run_ids)
        return RetryDeadLettersPayload(runs=[SyncRun.of(run) for run in runs if run])


def _retry(session: Session, scope: Scope, ids: list[UUID], key: str | None) -> list[UUID]:
    def start_runs() -> dict[str, Any]:
        traceparent = trace.new_run("several", "REPLAY")
        run_ids = commands.replay(session, scope, ids, traceparent)
        if not run_ids:
            raise NotFound(
                "None of these dead letters is open, or you may not see them.",
                "这些死信均未处于待处理状态，或您无权查看。",
                field="ids",
            )
        return {"runs": [str(id) for id in run_ids]}

    request = [str(id) for id in ids]
    result = run_idempotent(
        session, scope.actor.user_id, key, "retryDeadLetters", start_runs, request=request
    )
    return [UUID(id) for id in result["runs"]]
