"""Whose copy is this file: the question an auditor asks when one was found outside."""

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
from customers.exports.commands.decision import OBJECT
from customers.exports.commands.leak import Finding
from customers.exports.domain.leak import FALSE_ALARM, Suspect, suspects
from customers.exports.store import customer_export as store
from customers.exports.store.customer_export import ExportRow


@strawberry.type(description="An export whose watermark a found file carries.")
class LeakSource:
    export: CustomerExport = strawberry.field(description="The export; `requestedBy` had the file.")
    marks: int = strawberry.field(description="How many places of the file speak.")
    agreeing: int = strawberry.field(
        description="How many of them say what this export's key says."
    )
    evidence: float = strawberry.field(
        description="How much likelier the file is if it comes from this export, as a decimal "
        "logarithm: 12 means a million million times."
    )
    false_alarm: float = strawberry.field(
        description="At most how likely any export that has nothing to do with the file would "
        "look like this."
    )

    @classmethod
    def of(cls, found: Suspect, row: ExportRow) -> LeakSource:
        return cls(
            export=CustomerExport.of(row),
            marks=found.marks,
            agreeing=found.agreeing,
            evidence=round(found.evidence, 2),
            false_alarm=found.false_alarm,
        )


@strawberry.type(
    description="An export that held the customers of a found file. That is no proof: others "
    "may have held them too, and whoever may see them can type them."
)
class LeakHolder:
    export: CustomerExport = strawberry.field(description="The export.")
    customers: int = strawberry.field(description="How many of the file's customers it held.")


@strawberry.type(description="What a found file says about where it comes from.")
class LeakFinding:
    cells: int = strawberry.field(description="How many cells it has.")
    marks: int = strawberry.field(
        description="How many different places in it could carry a watermark."
    )
    compared: int = strawberry.field(description="With how many exports it was compared.")
    named: list[LeakSource] = strawberry.field(
        description=f"The exports it comes from, beyond doubt: an innocent one is named at most "
        f"once in {round(1 / FALSE_ALARM):,} files. Several: copies were mixed. Empty: none is."
    )
    nearest: LeakSource | None = strawberry.field(
        description="The best of those that are not named; only a lead, mostly chance."
    )
    known_customers: int = strawberry.field(
        description="How many customers of the pool have a name that stands in the file."
    )
    held_by: list[LeakHolder] = strawberry.field(
        description="The exports that held most of these customers; a lead, no proof."
    )

    @classmethod
    def of(cls, found: Finding, rows: Mapping[UUID, ExportRow]) -> LeakFinding:
        others = [one for one in found.suspects if not one.named and one.evidence > 0]
        return cls(
            cells=found.cells,
            marks=found.marks,
            compared=found.compared,
            named=[LeakSource.of(one, rows[one.export]) for one in found.named],
            nearest=LeakSource.of(others[0], rows[others[0].export]) if others else None,
            known_customers=found.customers,
            held_by=[
                LeakHolder(export=CustomerExport.of(rows[one.export_id]), customers=one.held)
                for one in found.holders
            ],
        )


@strawberry.type(description="What was found out, or why nothing was.")
class LeakPayload:
    finding: LeakFinding | None = strawberry.field(default=None, description="What was found out.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty: it was done."
    )


@strawberry.type
class LeakMutation:
    @strawberry.mutation(
        description="Names the export that a found file, or a piece of it, was copied from: by "
        "its watermark, which survives lost columns, shuffled rows and fragments. It says none "
        "for a file that was never exported or was typed anew. The question is in the ledger.",
        metadata=right(OBJECT, "identify"),
    )
    @answers(LeakPayload)
    async def identify_leak(
        self,
        info: Info,
        content_base64: Annotated[
            str | None,
            strawberry.argument(
                description="The file as it was found, in base64: CSV, text or XLSX, at most 4 MB. "
                "Do not open and save it before."
            ),
        ] = None,
        text: Annotated[
            str | None,
            strawberry.argument(description="Or its rows as pasted text, at most 4 MB."),
        ] = None,
    ) -> LeakPayload:
        content = _given(content_base64, text)
        ctx = info.context
        scope = ctx.scope(OBJECT, "identify")
        found = await asyncio.to_thread(commands.read, content)
        keys = await ctx.read(store.keys, scope)
        ranked = await asyncio.to_thread(suspects, found.marks, keys)
        finding = await ctx.write(commands.conclude, scope, found, len(keys), ranked)
        ids = [one.export for one in finding.suspects] + [h.export_id for h in finding.holders]
        rows = await ctx.read(store.by_ids, ids)
        return LeakPayload(finding=LeakFinding.of(finding, rows))


def _given(content_base64: str | None, text: str | None) -> bytes:
    if (content_base64 is None) == (text is None):
        raise BadInput(
            "Give either contentBase64 or text.",
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
