"""The closed lists of words of this subgraph, under the names clients read, and small shared
types."""

from __future__ import annotations

from enum import Enum
from typing import Any

import strawberry
from strawberry import Info
from strawberry.federation.schema_directives import Key
from strawberry.federation.types import FieldSet
from strawberry.scalars import JSON

from chassis.api.context import Context
from chassis.api.sensitive import Sensitive
from chassis.api.visibility import Visibility as Visibility
from integrations.core.api.loaders import Loaders
from integrations.core.domain.failure import Failure
from integrations.customers.domain import SyncStatus
from integrations.specs.domain.source_record import Kind
from integrations.sync.domain import Outcome, RunStatus, Stage, SyncMode

PAYLOAD = Sensitive(level="L3", by=["SourceRecord.payload"])

IntegrationsInfo = Info[Context[Loaders], Any]

strawberry.enum(
    RunStatus,
    description="QUEUED: waits for a worker. RUNNING. SUCCEEDED: everything was read and taken. "
    "PARTIAL: some records were left aside, or the source gave less than it promised. FAILED: it "
    "stopped, and the next run begins where the last complete one ended. CANCELLED: by a person.",
)
strawberry.enum(
    SyncMode,
    description="INCREMENTAL: what changed since the last complete run. FULL: everything. REPLAY: "
    "dead letters, from the stored records; the source is not called.",
)
strawberry.enum(
    Outcome,
    name="RecordOutcome",
    description="CREATED: a new customer. UPDATED: a known one said something new. UNCHANGED. "
    "MATCHED: joined a customer that came from elsewhere. AMBIGUOUS: a person must decide which. "
    "REJECTED: not usable.",
)
strawberry.enum(
    Stage,
    name="DeadLetterStage",
    description="MAP: it could not be put into our words. DELIVER: the customer pool refused it.",
)
strawberry.enum(
    SyncStatus,
    description="NEVER: no source knows this customer. SYNCED. PAUSED: a source of it is paused. "
    "FAILING: the last run of a source failed, or records of it were left aside.",
)
strawberry.enum(Kind, name="RecordKind", description="What a record describes.")


@strawberry.enum(description="ACTIVE: runs on its schedule. PAUSED: does nothing until resumed.")
class InstallationState(Enum):
    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"


@strawberry.federation.type(
    keys=[Key(fields=FieldSet("id"), resolvable=False)],
    description="A person who works here; everything about them comes from identity.",
)
class User:
    id: strawberry.ID = strawberry.federation.field(description="The user's id.")


@strawberry.type(description="Why something did not work, and what to do about it.")
class Reason:
    code: str = strawberry.field(description="A stable word for programs.")
    message: str = strawberry.field(description="For people, in the language of the request.")
    fix: str | None = strawberry.field(description="What would mend it.")


@strawberry.type(description="JSON that may hold personal data, as far as the reader may see it.")
class ProtectedJson:
    value: JSON | None = strawberry.field(
        description="The JSON; with MASKED every value is replaced by ***, with HIDDEN it is null."
    )
    visibility: Visibility = strawberry.field(description="How much of it this is.")


def reason(problem: Failure, locale: str) -> Reason:
    """A failure in the reader's language."""
    return told((problem.code, problem.en, problem.zh, problem.fix_en, problem.fix_zh), locale)


def told(said: tuple[str, str | None, str | None, str | None, str | None], locale: str) -> Reason:
    """A stored failure in the reader's language."""
    code, en, zh, fix_en, fix_zh = said
    chinese = locale.startswith("zh")
    return Reason(
        code=code, message=(zh if chinese else en) or "", fix=fix_zh if chinese else fix_en
    )
