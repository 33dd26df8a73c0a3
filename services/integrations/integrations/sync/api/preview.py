"""Try a source before it may write: test its connection, and preview what its records become."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from chassis.api.context import Info
from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from chassis.api.visibility import Visibility
from chassis.errors import BadInput
from integrations.access.api import Customer
from integrations.access.store import NO_CUSTOMER
from integrations.core.api import payload
from integrations.core.api.ids import uuid
from integrations.core.api.types import PAYLOAD, ProtectedJson, Reason, reason_of
from integrations.delivery.services import Receipt
from integrations.installations import commands
from integrations.installations.api.loaders import InstallationLoaders
from integrations.installations.commands import missing
from integrations.installations.services import check_credentials, open_connector
from integrations.records.domain import Outcome
from integrations.specs.domain.source_record import SourceRecord
from integrations.sync.services import preview
from integrations.sync.services.preview import (
    PreviewResult,
    Sample,
    TriedSource,
    find_stream,
    preview_access,
)
from integrations.sync.services.runtime import sync_runtime

MAX_SAMPLES = 50


@strawberry.input(
    description="A source to try: an installed one (installationId, and what should differ from "
    "it), or one that is not installed (connectorId, configuration, credentials)."
)
class TryInstallationInput:
    """The source of a connection test or a preview."""

    installation_id: strawberry.ID | None = strawberry.field(
        default=None, description="The id of an installation."
    )
    connector_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="The id of one of `connectors`, for a source that is not installed.",
    )
    configuration: JSON | None = strawberry.field(
        default=None, description="The configuration; omitted: the installed one."
    )
    credentials: JSON | None = strawberry.field(
        default=None, description="The credentials, not stored; omitted: the installed ones."
    )


@strawberry.type(description="One record of the source, and what it would become.")
class PreviewRow:
    """One record of a preview."""

    external_id: str | None = strawberry.field(
        description="The record's id in the outside system; null where it could not be mapped."
    )
    raw: ProtectedJson = strawberry.field(
        description="The record as received.", directives=[PAYLOAD]
    )
    mapped: ProtectedJson = strawberry.field(
        description="The customer fields the record is mapped to.", directives=[PAYLOAD]
    )
    would_be: Outcome | None = strawberry.field(
        description="The outcome the customer pool predicts; null where the record could not be "
        "mapped, or where you may not see payloads in clear and the outcome is not REJECTED."
    )
    customer: Customer | None = strawberry.field(
        description="The customer the record would change."
    )
    candidates: list[strawberry.ID] = strawberry.field(
        description="With AMBIGUOUS: the ids of the customers the record fits."
    )
    changed_fields: list[str] = strawberry.field(
        description="The names of the customer fields that would change."
    )
    reason: Reason | None = strawberry.field(
        description="The reason for which the record would be set aside."
    )


@strawberry.type(
    description="What a sync would do with the first records of a source; nothing is written."
)
class Preview:
    """The result of a preview."""

    ok: bool = strawberry.field(description="Whether the source answered.")
    reason: Reason | None = strawberry.field(
        description="The reason for which it did not, and what would resolve it."
    )
    rows: list[PreviewRow] = strawberry.field(description="The sampled records.")
    total: int | None = strawberry.field(
        description="Number of records the source announces, where it does."
    )
    calls: int = strawberry.field(description="Number of requests sent to the source.")
    milliseconds: int = strawberry.field(description="Duration of the preview in milliseconds.")


@strawberry.type(
    description="The result of a connection test: whether the source returns usable records."
)
class TestInstallationPayload:
    """The result of a connection test."""

    ok: bool = strawberry.field(
        default=False, description="Whether the source returned usable records."
    )
    reason: Reason | None = strawberry.field(
        default=None, description="The reason for which it did not, and what would resolve it."
    )
    records_seen: int = strawberry.field(
        default=0, description="Number of records received that could be mapped."
    )
    total: int | None = strawberry.field(
        default=None, description="Number of records the source announces, where it does."
    )
    calls: int = strawberry.field(default=0, description="Number of requests sent to the source.")
    milliseconds: int = strawberry.field(
        default=0, description="Duration of the test in milliseconds."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list,
        description="Why the test was refused; empty when it was run.",
    )


@strawberry.type
class PreviewQuery:
    """The query that previews a source."""

    @strawberry.field(
        description="Read the first records of a source and ask the customer pool what it would do "
        "with them. Nothing is written.",
        metadata=right("Installation", "create"),
    )
    async def preview_installation(
        self,
        info: Info,
        input: Annotated[
            TryInstallationInput, strawberry.argument(description="The source to preview.")
        ],
        stream: Annotated[
            str | None,
            strawberry.argument(description="The stream to read; null: the source's first."),
        ] = None,
        sample_size: Annotated[
            int, strawberry.argument(description=f"Number of records, 1 to {MAX_SAMPLES}.")
        ] = 20,
    ) -> Preview:
        """Preview a source."""
        if not 1 <= sample_size <= MAX_SAMPLES:
            raise BadInput(
                f"sampleSize is {sample_size}; it must be 1 to {MAX_SAMPLES}.",
                f"sampleSize 为 {sample_size}，应在 1 到 {MAX_SAMPLES} 之间。",
                field="sampleSize",
            )
        source = await _tried_source(info, input)
        chosen_stream = find_stream(source.connector, stream)
        runtime = sync_runtime(info.context.runtime.settings)
        access = preview_access(runtime, source)
        result = await asyncio.to_thread(
            preview.preview, runtime, source, access, chosen_stream, sample_size
        )
        return _preview(info, result)


@strawberry.type
class TestMutation:
    """The mutation that tests a connection."""

    @strawberry.mutation(
        description="Sign in to a source and read a few records of each stream. Nothing is "
        "written.",
        metadata=right("Installation", "create"),
    )
    @answers(TestInstallationPayload)
    async def test_installation(
        self,
        info: Info,
        input: Annotated[
            TryInstallationInput, strawberry.argument(description="The source to test.")
        ],
    ) -> TestInstallationPayload:
        """Test the connection to a source."""
        source = await _tried_source(info, input)
        access = preview_access(sync_runtime(info.context.runtime.settings), source)
        result = await asyncio.to_thread(preview.test_connection, access, source.connector)
        return TestInstallationPayload(
            ok=result.problem is None,
            reason=reason_of(result.problem, info.context.locale) if result.problem else None,
            records_seen=sum(sample.problem is None for sample in result.samples),
            total=result.total,
            calls=result.calls,
            milliseconds=int(result.seconds * 1000),
        )


async def _tried_source(info: Info, input: TryInstallationInput) -> TriedSource:
    if input.installation_id is not None:
        return await _installed_source(info, input, input.installation_id)
    if input.connector_id is None:
        raise BadInput(
            "installationId is missing; give it, or connectorId with configuration.",
            "请提供 installationId，或 connectorId 及 configuration。",
            field="input.installationId",
        )
    configuration: Any = input.configuration
    kind, connector = open_connector(input.connector_id, configuration)
    credentials = check_credentials(kind, configuration, input.credentials or {})
    return TriedSource(None, connector, credentials)


async def _installed_source(
    info: Info, input: TryInstallationInput, installation_id: str
) -> TriedSource:
    id = uuid(installation_id, "input.installationId")
    row = await info.context.loaders_of(InstallationLoaders).installation.load(id)
    if row is None:
        raise missing(id)
    configuration: Any = row.configuration if input.configuration is None else input.configuration
    kind, connector = open_connector(row.connector, configuration)
    if input.credentials is not None:
        credentials = check_credentials(kind, configuration, input.credentials)
    else:
        # Stored secrets go to the stored address only: a different one could be an attacker's.
        if configuration != row.configuration:
            raise BadInput(
                "credentials are missing; a configuration that differs from the stored one is "
                "tried with credentials of its own.",
                "尝试不同的配置时，需同时提供 credentials。",
                field="input.credentials",
            )
        seal = sync_runtime(info.context.runtime.settings).seal
        credentials = await info.context.read(commands.credentials, seal, id)
    return TriedSource(id, connector, credentials, row.priority)


def _preview(info: Info, result: PreviewResult) -> Preview:
    # Records of a preview have no customer yet; only callers who may see all payloads see them.
    scope = info.context.scope("Installation", "create")
    visibility = payload.payload_visibility(scope, NO_CUSTOMER)
    return Preview(
        ok=result.problem is None,
        reason=reason_of(result.problem, info.context.locale) if result.problem else None,
        rows=[_row(info, sample, visibility) for sample in result.samples],
        total=result.total,
        calls=result.calls,
        milliseconds=int(result.seconds * 1000),
    )


def _row(info: Info, sample: Sample, visibility: Visibility) -> PreviewRow:
    record = sample.record
    receipt = _shown_receipt(sample.receipt, visibility)
    customer = receipt.customer_id if receipt else None
    audited_row = ("SourceRecord", UUID(str(customer)) if customer else None)
    mapped = _mapped_json(record) if record else None
    return PreviewRow(
        external_id=record.external_id if record else None,
        raw=payload.disclose(info, sample.raw, visibility, audited_row),
        mapped=payload.disclose(info, mapped, visibility, audited_row),
        would_be=receipt.outcome if receipt else None,
        customer=Customer(id=strawberry.ID(str(customer))) if customer else None,
        candidates=[strawberry.ID(id) for id in receipt.candidates] if receipt else [],
        changed_fields=list(receipt.changed_fields) if receipt else [],
        reason=_reason(sample, info.context.locale),
    )


def _shown_receipt(receipt: Receipt | None, visibility: Visibility) -> Receipt | None:
    """Withhold a prediction from callers who may not see payloads in clear, except a refusal.

    The customer a record matches discloses what the record holds, and a preview costs nothing, so
    it could be repeated for every value.
    """
    if receipt is None or visibility is Visibility.CLEAR:
        return receipt
    return receipt if receipt.outcome is Outcome.REJECTED else None


def _reason(sample: Sample, locale: str) -> Reason | None:
    receipt = sample.receipt
    if receipt is not None and receipt.code is not None:
        return Reason(code=receipt.code, message=receipt.message or "", fix=None)
    return reason_of(sample.problem, locale) if sample.problem else None


def _mapped_json(record: SourceRecord) -> dict[str, Any]:
    return {
        "kind": record.kind.value,
        "fields": record.fields,
        "contacts": [
            {
                "name": contact.name,
                "title": contact.title,
                "mobile": contact.mobile,
                "email": contact.email,
            }
            for contact in record.contacts
        ],
        "tags": list(record.tags),
        "deleted": record.deleted,
    }
