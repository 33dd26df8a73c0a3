"""Whom the pool believes first, and changing it."""

from __future__ import annotations

from typing import Annotated

import strawberry

from chassis.api.context import Info
from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from customers.core.api.arguments import ExpectedVersion, write_with_retry
from customers.pool.api.provenance import SurvivorshipRule
from customers.pool.commands import survivorship as commands
from customers.pool.domain.fields import FIELDS
from customers.pool.domain.golden import EVERY_FIELD
from customers.pool.store import claim as store
from customers.pool.store.claim import RuleRow


@strawberry.type(description="The rules after a change, or why it was refused.")
class SurvivorshipPayload:
    survivorship: list[SurvivorshipRule] | None = strawberry.field(
        default=None, description="All rules as they are now."
    )
    reelected: int | None = strawberry.field(
        default=None, description="How many customers show something else because of it."
    )
    pending: bool | None = strawberry.field(
        default=None, description="Whether more customers are being looked at in the background."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty: it was done."
    )


def _rule(row: RuleRow) -> SurvivorshipRule:
    every = row.field == EVERY_FIELD
    return SurvivorshipRule(
        field=None if every else FIELDS[row.field].graph_name,
        source_order=list(row.source_order),
        version=row.version,
    )


@strawberry.type
class SurvivorshipQuery:
    @strawberry.field(
        description="Which systems are believed first, for every field and for single ones.",
        metadata=right("Customer"),
    )
    async def survivorship(self, info: Info) -> list[SurvivorshipRule]:
        return [_rule(row) for row in await info.context.read(store.rule_rows)]


@strawberry.type
class SurvivorshipMutation:
    @strawberry.mutation(
        description="Sets which systems are believed first. Winners are elected again at once, "
        "without asking any source.",
        metadata=right("Customer", "merge"),
    )
    @answers(SurvivorshipPayload)
    async def set_survivorship(
        self,
        info: Info,
        source_order: Annotated[
            list[str],
            strawberry.argument(
                description="Systems, the most believed first; empty takes a field's rule away."
            ),
        ],
        field: Annotated[
            str | None, strawberry.argument(description="For this field; null: for every other.")
        ] = None,
        expected_version: ExpectedVersion = None,
    ) -> SurvivorshipPayload:
        scope = info.context.scope("Customer", "merge")
        done = await write_with_retry(
            info.context, commands.set_order, scope, field, source_order, expected_version
        )
        rules = [_rule(row) for row in await info.context.read(store.rule_rows)]
        return SurvivorshipPayload(survivorship=rules, reelected=done.changed, pending=done.pending)
