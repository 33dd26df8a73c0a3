"""Trying a source before it may write: does it answer, and what would its records become?"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from chassis.api.visibility import Visibility
from chassis.errors import BadInput
from integrations.access.store import NOBODYS
from integrations.core.api import payload
from integrations.core.api.ids import uuid
from integrations.core.api.words import PAYLOAD, IntegrationsInfo, ProtectedJson, Reason, reason
from integrations.customers.api import Customer
from integrations.installations import commands
from integrations.installations.api.installation import credentials_of, opened_kind
from integrations.installations.commands import missing
from integrations.sync.domain import Outcome
from integrations.sync.services import trial
from integrations.sync.services.surroundings import Surroundings, surroundings, trial_access
from integrations.sync.services.trial import Sample, Trial, Tried, stream_of

MOST_SAMPLES = 50


@strawberry.input(
    description="A source to try: one that is installed (installationId, and what shall differ), or "
    "one that is not yet (connectorId, configuration, credentials)."
)
class TryInstallationInput:
    installation_id: strawberry.ID | None = strawberry.field(
        default=None, description="One that is installed."
    )
    connector_id: strawberry.ID | None = strawberry.field(
        default=None, description="One of `connectors`, for a source that is not installed."
    )
    configuration: JSON | None = strawberry.field(
        default=None, description="Left out: the installed one."
    )
    credentials: JSON | None = strawberry.field(
        default=None, description="Left out: the installed ones. Not stored."
    )


@strawberry.type(description="One record of the source, and what it would become.")
class PreviewRow:
    external_id: str | None = strawberry.field(description="The id the outside system uses.")
    raw: ProtectedJson = strawberry.field(
        description="The record as it came.", directives=[PAYLOAD]
    )
    mapped: ProtectedJson = strawberry.field(
        description="What it says in our words.", directives=[PAYLOAD]
    )
    would_be: Outcome | None = strawberry.field(
        description="What the customer pool would make of it; null: it could not be mapped, or you may "
        "not see payloads in clear, and only a refusal is shown."
    )
    customer: Customer | None = strawberry.field(description="Which customer it would change.")
    candidates: list[strawberry.ID] = strawberry.field(
        description="With AMBIGUOUS: the customers it may be."
    )
    changed_fields: list[str] = strawberry.field(description="Which values would change.")
    reason: Reason | None = strawberry.field(description="Why it would be left aside.")


@strawberry.type(description="What a sync would do with the first records; nothing was written.")
class Preview:
    ok: bool = strawberry.field(description="Whether the source answered.")
    reason: Reason | None = strawberry.field(description="Why not, and what would mend it.")
    rows: list[PreviewRow] = strawberry.field(description="The sample.")
    total: int | None = strawberry.field(
        description="How many records the source says there are, where it says so."
    )
    calls: int = strawberry.field(description="Requests that were sent to the source.")
    milliseconds: int = strawberry.field(description="How long it took.")


@strawberry.type(description="Whether a source answers with records that can be used.")
class TestInstallationPayload:
    ok: bool = strawberry.field(default=False, description="Whether all is well.")
    reason: Reason | None = strawberry.field(
        default=None, description="Why not, and what would mend it."
    )
    records_seen: int = strawberry.field(default=0, description="Records that came and fit.")
    total: int | None = strawberry.field(
        default=None, description="How many the source says there are, where it says so."
    )
    calls: int = strawberry.field(default=0, description="Requests that were sent.")
    milliseconds: int = strawberry.field(default=0, description="How long it took.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why it was not tried; empty: it was."
    )


@strawberry.type
class PreviewQuery:
    @strawberry.field(
        description="Read the first records of a source and ask the customer pool what it would do "
        "with them. Nothing is written.",
        metadata=right("Installation", "create"),
    )
    async def preview_installation(
        self,
        info: IntegrationsInfo,
        input: Annotated[TryInstallationInput, strawberry.argument(description="Which source.")],
        stream: Annotated[
            str | None, strawberry.argument(description="Left out: the first one.")
        ] = None,
        sample_size: Annotated[
            int, strawberry.argument(description=f"How many records, 1 to {MOST_SAMPLES}.")
        ] = 20,
    ) -> Preview:
        if not 1 <= sample_size <= MOST_SAMPLES:
            raise BadInput(
                f"sampleSize is {sample_size}; it must be 1 to {MOST_SAMPLES}.",
                f"sampleSize 为 {sample_size}，应在 1 到 {MOST_SAMPLES} 之间。",
                field="sampleSize",
            )
        tried = await _tried(info, input)
        wanted = stream_of(tried.connector, stream)
        around = surroundings(info.context.runtime.settings)
        done = await asyncio.to_thread(_preview, around, tried, wanted, sample_size)
        return _answer(info, done)


@strawberry.type
class TestMutation:
    @strawberry.mutation(
        description="Sign in to a source and read a little of every stream. Nothing is written.",
        metadata=right("Installation", "create"),
    )
    @answers(TestInstallationPayload)
    async def test_installation(
        self,
        info: IntegrationsInfo,
        input: Annotated[TryInstallationInput, strawberry.argument(description="Which source.")],
    ) -> TestInstallationPayload:
        tried = await _tried(info, input)
        around = surroundings(info.context.runtime.settings)
        done = await asyncio.to_thread(_probe, around, tried)
        return TestInstallationPayload(
            ok=done.problem is None,
            reason=reason(done.problem, info.context.locale) if done.problem else None,
            records_seen=sum(each.problem is None for each in done.samples),
            total=done.total,
            calls=done.calls,
            milliseconds=int(done.seconds * 1000),
        )


async def _tried(info: IntegrationsInfo, input: TryInstallationInput) -> Tried:
    if input.installation_id is not None:
        return await _installed(info, input, input.installation_id)
    if input.connector_id is None:
        raise BadInput(
            "Give installationId, or connectorId with configuration.",
            "请提供 installationId，或 connectorId 及 configuration。",
            field="input.installationId",
        )
    kind, opened = opened_kind(input.connector_id, input.configuration)
    credentials = credentials_of(kind, input.configuration, input.credentials or {})  # type: ignore[arg-type]  # opened_kind looked
    return Tried(None, opened, credentials)


async def _installed(
    info: IntegrationsInfo, input: TryInstallationInput, installation_id: str
) -> Tried:
    id = uuid(installation_id, "input.installationId")
    found = await info.context.loaders.installations.load(id)
    if found is None:
        raise missing(id)
    configuration: Any = found.configuration if input.configuration is None else input.configuration
    kind, opened = opened_kind(found.connector, configuration)
    if input.credentials is not None:
        credentials = credentials_of(kind, configuration, input.credentials)
    else:
        # Stored secrets go to the stored address only: another one might be listening for them.
        if configuration != found.configuration:
            raise BadInput(
                "A different configuration is tried with credentials of its own; give them.",
                "尝试不同的配置时，需同时提供 credentials。",
                field="input.credentials",
            )
        seal = surroundings(info.context.runtime.settings).seal
        credentials = await info.context.read(commands.credentials, seal, id)
    return Tried(id, opened, credentials, found.priority)


def _probe(around: Surroundings, tried: Tried) -> Trial:
    access = trial_access(around, _budget(tried), tried.connector.spec, tried.credentials)
    return trial.probe(access, tried.connector)


def _preview(around: Surroundings, tried: Tried, stream: Any, most: int) -> Trial:
    access = trial_access(around, _budget(tried), tried.connector.spec, tried.credentials)
    return trial.preview(around, tried, access, stream, most)


def _budget(tried: Tried) -> str:
    """An installed source is tried within its own budget."""
    return str(tried.id) if tried.id else f"trial:{tried.connector.spec.id}"


def _answer(info: IntegrationsInfo, done: Trial) -> Preview:
    visibility = _visibility(info)
    return Preview(
        ok=done.problem is None,
        reason=reason(done.problem, info.context.locale) if done.problem else None,
        rows=[_row(info, each, visibility) for each in done.samples],
        total=done.total,
        calls=done.calls,
        milliseconds=int(done.seconds * 1000),
    )


def _visibility(info: IntegrationsInfo) -> Visibility:
    """Records of a preview have no customer yet; only who may see all payloads sees them."""
    scope = info.context.scope("Installation", "create")
    nobody = NOBODYS
    return payload.visibility_of(scope, nobody)


def _row(info: IntegrationsInfo, sample: Sample, visibility: Visibility) -> PreviewRow:
    record, receipt = sample.record, sample.receipt
    said: dict[str, Any] | None = None
    if record is not None:
        said = {
            "kind": record.kind.value,
            "fields": record.fields,
            "contacts": [
                {"name": each.name, "title": each.title, "mobile": each.mobile, "email": each.email}
                for each in record.contacts
            ],
            "tags": list(record.tags),
            "deleted": record.deleted,
        }
    problem = sample.problem
    why = reason(problem, info.context.locale) if problem else None
    if receipt is not None and receipt.code is not None:
        why = Reason(code=receipt.code, message=receipt.message or "", fix=None)
    # Whom a record matches tells what it holds: a preview costs nothing, so it could be asked for all.
    if receipt is not None and visibility is not Visibility.CLEAR:
        receipt = receipt if receipt.outcome is Outcome.REJECTED else None
    customer = receipt.customer_id if receipt else None
    told = ("SourceRecord", UUID(str(customer)) if customer else None)
    return PreviewRow(
        external_id=record.external_id if record else None,
        raw=payload.shown(info, sample.raw, visibility, told),
        mapped=payload.shown(info, said, visibility, told),
        would_be=receipt.outcome if receipt else None,
        customer=Customer(id=strawberry.ID(str(customer))) if customer else None,
        candidates=[strawberry.ID(each) for each in receipt.candidates] if receipt else [],
        changed_fields=list(receipt.changed_fields) if receipt else [],
        reason=why,
    )
