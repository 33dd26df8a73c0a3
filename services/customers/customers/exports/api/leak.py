"""Trace a leaked file to the export it was copied from, for an auditor."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

import strawberry

from chassis.api.context import Info
from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from chassis.errors import BadInput
from customers.exports.api.customer_export import CustomerExport
from customers.exports.commands import leak as commands
from customers.exports.commands.events import OBJECT
from customers.exports.commands.leak import Finding
from customers.exports.domain.leak import FALSE_ALARM, Suspect, suspects
from customers.exports.store import customer_export as store, leak as leak_store
from customers.exports.store.customer_export import ExportRow


@strawberry.type(description="An export whose watermark a leaked file carries.")
class LeakSource:
    """An export compared with a leaked file."""

    export: CustomerExport = strawberry.field(
        description="The export; the user `requestedBy` had the file."
    )
    marks: int = strawberry.field(
        description="The number of places in the file that carry a watermark."
    )
    agreeing: int = strawberry.field(
        description="The number of those places that agree with this export's key."
    )
    evidence: float = strawberry.field(
        description="How many times likelier the file is if it comes from this export, as a "
        "decimal logarithm: 12 means a million million times."
    )
    false_alarm: float = strawberry.field(
        description="Upper bound of the probability that any unrelated export looks like this."
    )

    @classmethod
    def of(cls, suspect: Suspect, row: ExportRow) -> LeakSource:
        """Build a source from a suspected export and its row."""
        return cls(
            export=CustomerExport.of(row),
            marks=suspect.marks,
            agreeing=suspect.agreeing,
            evidence=round(suspect.evidence, 2),
            false_alarm=suspect.false_alarm,
        )


@strawberry.type(
    description="An export that held the customers of a leaked file. That is no proof: other "
    "exports may have held them as well, and any user who may see them can type them."
)
class LeakHolder:
    """An export that held customers of a leaked file."""

    export: CustomerExport = strawberry.field(description="The export.")
    customers: int = strawberry.field(
        description="The number of the file's customers that the export held."
    )


@strawberry.type(description="Where a leaked file comes from, as far as it can be told.")
class LeakFinding:
    """The exports that a leaked file may come from."""

    cells: int = strawberry.field(description="The number of cells in the file.")
    marks: int = strawberry.field(
        description="The number of different places in the file that could carry a watermark."
    )
    compared: int = strawberry.field(
        description="The number of exports that the file was compared with."
    )
    named: list[LeakSource] = strawberry.field(
        description=f"The exports that the file comes from beyond doubt: an unrelated export is "
        f"named at most once in {round(1 / FALSE_ALARM):,} files. Several: copies were mixed. "
        "Empty: no export can be named."
    )
    nearest: LeakSource | None = strawberry.field(
        description="The best of the exports that are not named: a lead at most, mostly chance."
    )
    known_customers: int = strawberry.field(
        description="The number of customers in the pool whose name is in the file."
    )
    held_by: list[LeakHolder] = strawberry.field(
        description="The exports that held most of these customers: a lead, no proof."
    )

    @classmethod
    def of(cls, finding: Finding, rows: Mapping[UUID, ExportRow]) -> LeakFinding:
        """Build a finding with the rows of the exports it mentions."""
        unnamed = [
            suspect for suspect in finding.suspects if not suspect.named and suspect.evidence > 0
        ]
        return cls(
            cells=finding.cells,
            marks=finding.marks,
            compared=finding.compared,
            named=[LeakSource.of(suspect, rows[suspect.export]) for suspect in finding.named],
            nearest=LeakSource.of(unnamed[0], rows[unnamed[0].export]) if unnamed else None,
            known_customers=finding.customers,
            held_by=[
                LeakHolder(
                    export=CustomerExport.of(rows[holder.export_id]), customers=holder.customers
                )
                for holder in finding.holders
            ],
        )


@strawberry.type(description="The finding about a leaked file, or why it could not be examined.")
class LeakPayload:
    """The result of identifying a leak."""

    finding: LeakFinding | None = strawberry.field(
        default=None, description="The finding about the file."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why the file could not be examined; empty on success."
    )


@strawberry.type
class LeakMutation:
    """The mutation that identifies a leak."""

    @strawberry.mutation(
        description="Name the export that a leaked file, or a piece of it, was copied from: by its "
        "watermark, which survives lost columns, shuffled rows and fragments. No export is named "
        "for a file that was never exported or was typed anew. The question is recorded in the "
        "audit ledger.",
        metadata=right(OBJECT, "identify"),
    )
    @answers(LeakPayload)
    async def identify_leak(
        self,
        info: Info,
        content_base64: Annotated[
            str | None,
            strawberry.argument(
                description="The leaked file in base64: CSV, text or XLSX, at most 4 MB. Pass it "
                "unchanged: opening and saving it may destroy the watermark."
            ),
        ] = None,
        text: Annotated[
            str | None,
            strawberry.argument(
                description="Instead of contentBase64: rows of the file as pasted text, at most 4 "
                "MB."
            ),
        ] = None,
    ) -> LeakPayload:
        """Name the export that a leaked file was copied from."""
        content = _content(content_base64, text)
        ctx = info.context
        scope = ctx.scope(OBJECT, "identify")
        file = await asyncio.to_thread(commands.read, content)
        keys = await ctx.read(leak_store.keys, scope)
        ranked = await asyncio.to_thread(suspects, file.marks, keys)
        finding = await ctx.write(commands.conclude, scope, file, len(keys), ranked)
        ids = [suspect.export for suspect in finding.suspects]
        ids += [holder.export_id for holder in finding.holders]
        rows = await ctx.read(store.by_ids, ids)
        return LeakPayload(finding=LeakFinding.of(finding, rows))


def _content(content_base64: str | None, text: str | None) -> bytes:
    if (content_base64 is None) == (text is None):
        raise BadInput(
            "Pass either contentBase64 or text, not both.",
            "请提供 contentBase64 或 text 其中之一。",
            field="contentBase64",
        )
    if text is not None:
        return text.encode()
    try:
        return base64.b64decode(content_base64 or "", validate=True)
    except binascii.Error as problem:
        raise BadInput(
            "contentBase64 is not base64.",
            "contentBase64 不是有效的 base64。",
            field="contentBase64",
        ) from problem
