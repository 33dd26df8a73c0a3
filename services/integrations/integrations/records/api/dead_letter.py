"""Dead letters: records that a sync could not map or deliver, with the reason."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy.orm import Session

from chassis.api.context import Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect, page
from chassis.api.rights import right
from chassis.api.visibility import Visibility
from chassis.policy.scope import Scope
from integrations.access.store import NO_CUSTOMER
from integrations.core.api import payload
from integrations.core.api.ids import uuid
from integrations.core.api.types import PAYLOAD, ProtectedJson, Reason, stored_reason
from integrations.installations.api.installation import Installation
from integrations.installations.api.loaders import InstallationLoaders
from integrations.records.api.loaders import RecordLoaders
from integrations.records.api.source_record import SourceRecord
from integrations.records.domain import Stage, dead_letter_associated_data
from integrations.records.store import dead_letter as store
from integrations.records.store.dead_letter import DeadLetterRow

strawberry.enum(
    Stage,
    name="DeadLetterStage",
    description="MAP: the mapping could not turn the record into customer fields. DELIVER: the "
    "customer pool refused the record.",
)


@strawberry.enum(
    description="OPEN: still to be resolved. RESOLVED: a later try delivered the record."
)
class DeadLetterState(Enum):
    """Whether a dead letter still needs work."""

    OPEN = "OPEN"
    RESOLVED = "RESOLVED"


@strawberry.federation.type(
    keys=["id"],
    description="A record that could not be mapped or delivered, set aside so that the sync could "
    "continue.",
)
class DeadLetter:
    """A dead letter in the scope of the caller."""

    id: strawberry.ID = strawberry.field(description="The dead letter's id.")
    stream: str = strawberry.field(description="The stream of the source the record belongs to.")
    external_id: str | None = strawberry.field(
        description="The record's id in the outside system; null where the record has none."
    )
    stage: Stage = strawberry.field(description="The step at which the record failed.")
    attempts: int = strawberry.field(description="Number of attempts to deliver the record.")
    state: DeadLetterState = strawberry.field(
        description="Whether the dead letter is open or resolved."
    )
    first_at: datetime = strawberry.field(description="When the record first failed.")
    last_at: datetime = strawberry.field(description="When the record was last tried.")
    resolved_at: datetime | None = strawberry.field(
        description="When a later try delivered the record."
    )
    trace_id: str | None = strawberry.field(
        description="The trace id of the run in which the record last failed."
    )
    _row: strawberry.Private[DeadLetterRow]

    @strawberry.field(description="The reason of the failure.")
    def reason(self, info: Info) -> Reason:
        """Return the stored failure in the language of the request."""
        row = self._row
        return stored_reason(info.context.locale, row.code, row.message_en, row.message_zh)

    @strawberry.field(
        description="The installation the record came from.", metadata=right("Installation")
    )
    async def installation(self, info: Info) -> Installation | None:
        """Load the installation."""
        loaders = info.context.loaders_of(InstallationLoaders)
        row = await loaders.installation.load(self._row.installation_id)
        return Installation.of(row) if row else None

    @strawberry.field(
        description="The source record this is a newer version of; null where none arrived before.",
        metadata=right("SourceRecord"),
    )
    async def source_record(self, info: Info) -> SourceRecord | None:
        """Load the earlier source record."""
        if self._row.source_record_id is None:
            return None
        loaders = info.context.loaders_of(RecordLoaders)
        row = await loaders.source_record.load(self._row.source_record_id)
        return SourceRecord.of(row) if row else None

    @strawberry.field(
        description="The record as received; needs the right to SourceRecord.payload.",
        directives=[PAYLOAD],
    )
    async def payload(self, info: Info) -> ProtectedJson:
        """Open the sealed payload as far as the caller may see it."""
        row = self._row
        visibility = payload.payload_visibility(info.context.scope("DeadLetter"), NO_CUSTOMER)
        if visibility is Visibility.HIDDEN:
            return payload.hidden_payload()
        stored = await info.context.loaders_of(RecordLoaders).dead_letter_payload.load(row.id)
        record_key, sealed = stored or ("", None)
        associated_data = dead_letter_associated_data(row.installation_id, row.stream, record_key)
        audited_row = ("DeadLetter", row.id)
        return payload.open_payload(info, visibility, sealed, associated_data, audited_row)

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> DeadLetter | None:
        """Return the dead letter of a federation reference, or `None` outside the scope."""
        row = await info.context.loaders_of(RecordLoaders).dead_letter.load(uuid(id, "id"))
        return cls.of(row) if row else None

    @classmethod
    def of(cls, row: DeadLetterRow) -> DeadLetter:
        """Return the GraphQL object of a row."""
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


@strawberry.type
class InstallationDeadLetters:
    """The field this capability adds to `Installation`."""

    id: strawberry.Private[strawberry.ID]

    @strawberry.field(description="Number of open dead letters.", metadata=right("DeadLetter"))
    async def open_dead_letters(self, info: Info) -> int:
        """Load the number of open dead letters."""
        loaders = info.context.loaders_of(RecordLoaders)
        count: int = await loaders.open_dead_letters.load(UUID(self.id))
        return count


@strawberry.type
class DeadLetterQuery:
    """Queries for dead letters."""

    @strawberry.field(
        description="Dead letters, most recently tried first.", metadata=right("DeadLetter")
    )
    async def dead_letters(
        self,
        info: Info,
        installation_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="Filter by installation; null: of all installations."),
        ] = None,
        state: Annotated[
            DeadLetterState | None,
            strawberry.argument(description="Filter by state; null: both states."),
        ] = DeadLetterState.OPEN,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[DeadLetter]:
        """Load one page of dead letters."""
        rows = await info.context.read(
            _page,
            info.context.scope("DeadLetter"),
            uuid(installation_id, "installationId") if installation_id else None,
            state.value if state else None,
            Window(first, after),
        )
        connection: Connection[DeadLetter] = connect(rows, _dead_letter)
        return connection


def _page(
    session: Session, scope: Scope, installation_id: UUID | None, state: str | None, window: Window
) -> Any:
    order: Any = ((store.dead_letter.c.last_at, "desc"), (store.dead_letter.c.id, "desc"))
    statement = store.all_rows(scope, installation_id, state)
    return page(session, statement, order=order, window=window)


def _dead_letter(row: Any) -> DeadLetter:
    return DeadLetter.of(DeadLetterRow(*row[: len(DeadLetterRow.__dataclass_fields__)]))
