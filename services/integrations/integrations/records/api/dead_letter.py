"""Dead letters: what was left aside and why, and another try for it."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy.orm import Session

from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect, page
from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from chassis.api.visibility import Visibility
from chassis.errors import NotFound
from chassis.idempotency import run_idempotent
from chassis.policy.scope import Scope
from integrations.access.store import NOBODYS
from integrations.core.api import payload
from integrations.core.api.ids import uuid, uuids
from integrations.core.api.words import PAYLOAD, IntegrationsInfo, ProtectedJson, Reason, told
from integrations.records.api.source_record import SourceRecord
from integrations.records.store import dead_letter as store
from integrations.records.store.dead_letter import DeadLetterRow
from integrations.sync.api.sync_run import LazyInstallation, SyncRun
from integrations.sync.commands import sync_run as commands
from integrations.sync.domain import Stage
from integrations.sync.services import trace
from integrations.sync.services.place import letter_place


@strawberry.enum(description="OPEN: still to be mended. RESOLVED: the record went in since.")
class DeadLetterState(Enum):
    OPEN = "OPEN"
    RESOLVED = "RESOLVED"


@strawberry.federation.type(
    keys=["id"], description="A record that was left aside so that the others could go on."
)
class DeadLetter:
    id: strawberry.ID = strawberry.field(description="The letter's id.")
    stream: str = strawberry.field(description="Which list the record is in.")
    external_id: str | None = strawberry.field(description="The id the outside system uses.")
    stage: Stage = strawberry.field(description="Where it was left aside.")
    attempts: int = strawberry.field(description="How often it was tried.")
    state: DeadLetterState = strawberry.field(description="Whether it is still to be mended.")
    first_at: datetime = strawberry.field(description="When it was left aside first.")
    last_at: datetime = strawberry.field(description="When it was last tried.")
    resolved_at: datetime | None = strawberry.field(description="When it went in.")
    trace_id: str | None = strawberry.field(description="The trace of the run that left it.")
    _row: strawberry.Private[DeadLetterRow]

    @strawberry.field(description="Why it was left aside.")
    def reason(self, info: IntegrationsInfo) -> Reason:
        row = self._row
        return told((row.code, row.message_en, row.message_zh, None, None), info.context.locale)

    @strawberry.field(description="The source it came from.", metadata=right("Installation"))
    async def installation(self, info: IntegrationsInfo) -> LazyInstallation | None:
        from integrations.installations.api.installation import Installation

        found = await info.context.loaders.installations.load(self._row.installation_id)
        return Installation.of(found) if found else None

    @strawberry.field(
        description="The source record it is a new version of, if one came in before.",
        metadata=right("SourceRecord"),
    )
    async def source_record(self, info: IntegrationsInfo) -> SourceRecord | None:
        if self._row.source_record_id is None:
            return None
        found = await info.context.loaders.records.load(self._row.source_record_id)
        return SourceRecord.of(found) if found else None

    @strawberry.field(
        description="The raw record; needs the right to SourceRecord.payload.",
        directives=[PAYLOAD],
    )
    async def payload(self, info: IntegrationsInfo) -> ProtectedJson:
        row = self._row
        of = NOBODYS
        seen = payload.visibility_of(info.context.scope("DeadLetter"), of)
        if seen is Visibility.HIDDEN:
            return payload.hidden()
        found = await info.context.loaders.letter_payloads.load(row.id)
        key, sealed = found or ("", None)
        place = letter_place(row.installation_id, row.stream, key)
        return payload.opened(info, seen, sealed, place, ("DeadLetter", row.id))

    @classmethod
    async def resolve_reference(
        cls, info: IntegrationsInfo, id: strawberry.ID
    ) -> DeadLetter | None:
        found = await info.context.loaders.letters.load(uuid(id, "id"))
        return cls.of(found) if found else None

    @classmethod
    def of(cls, row: DeadLetterRow) -> DeadLetter:
        return cls(
            id=strawberry.ID(str(row.id)),
            stream=row.stream,
            external_id=row.external_id,
            stage=Stage(row.stage),
            attempts=row.attempts,
            state=DeadLetterState(row.state),
            first_at=row.first_at,
            last_at=row.last_at,
            resolved_at=row.resolved_at,
            trace_id=row.trace_id,
            _row=row,
        )


@strawberry.type(description="The runs that try again, or why they were refused.")
class RetryDeadLettersPayload:
    runs: list[SyncRun] = strawberry.field(
        default_factory=list, description="One run for each source."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty: it was done."
    )


@strawberry.type
class DeadLetterQuery:
    @strawberry.field(
        description="Records that were left aside, the last tried first.",
        metadata=right("DeadLetter"),
    )
    async def dead_letters(
        self,
        info: IntegrationsInfo,
        installation_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Left out: of all sources.")
        ] = None,
        state: Annotated[
            DeadLetterState | None, strawberry.argument(description="Null: both.")
        ] = DeadLetterState.OPEN,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[DeadLetter]:
        found = await info.context.read(
            _page,
            info.context.scope("DeadLetter"),
            uuid(installation_id, "installationId") if installation_id else None,
            state.value if state else None,
            Window(first, after),
        )
        answer: Connection[DeadLetter] = connect(found, _letter)
        return answer


@strawberry.type
class DeadLetterMutation:
    @strawberry.mutation(
        description="Try records again from what was stored of them, with the present mapping; the "
        "source is not called. 1 to 1000 ids.",
        metadata=right("DeadLetter", "retry"),
    )
    @answers(RetryDeadLettersPayload)
    async def retry_dead_letters(
        self,
        info: IntegrationsInfo,
        ids: Annotated[list[strawberry.ID], strawberry.argument(description="Which dead letters.")],
        idempotency_key: Annotated[
            str | None,
            strawberry.argument(description="Sent again with the same key, it is not done again."),
        ] = None,
    ) -> RetryDeadLettersPayload:
        wanted = uuids(ids, "ids")
        scope = info.context.scope("DeadLetter", "retry")
        started = await info.context.write(_retry, scope, wanted, idempotency_key)
        runs = await info.context.loaders.runs.load_many(started)
        return RetryDeadLettersPayload(runs=[SyncRun.of(run) for run in runs if run])


def _page(
    session: Session, scope: Scope, installation_id: UUID | None, state: str | None, window: Window
) -> Any:
    order: Any = ((store.dead_letter.c.last_at, "desc"), (store.dead_letter.c.id, "desc"))
    statement = store.all_rows(scope, installation_id, state)
    return page(session, statement, order=order, window=window)


def _letter(row: Any) -> DeadLetter:
    return DeadLetter.of(DeadLetterRow(*row[: len(DeadLetterRow.__dataclass_fields__)]))


def _retry(session: Session, scope: Scope, ids: list[UUID], key: str | None) -> list[UUID]:
    def run() -> dict[str, Any]:
        traceparent = trace.new_run("several", "REPLAY")
        started = commands.replay(session, scope, ids, traceparent)
        if not started:
            raise NotFound(
                "None of these dead letters is open, or you may not see them.",
                "这些死信均未处于待处理状态，或您无权查看。",
                field="ids",
            )
        return {"runs": [str(id) for id in started]}

    asked = [str(id) for id in ids]
    done = run_idempotent(session, scope.actor.user_id, key, "retryDeadLetters", run, request=asked)
    return [UUID(id) for id in done["runs"]]
