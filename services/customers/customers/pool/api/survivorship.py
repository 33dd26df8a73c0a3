"""Survivorship rules: which systems are believed first, and the mutation that changes it."""

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


@strawberry.type(description="The survivorship rules after a change, or why it was refused.")
class SurvivorshipPayload:
    """The result of changing a survivorship rule."""

    survivorship: list[SurvivorshipRule] | None = strawberry.field(
        default=None, description="All rules as they are now."
    )
    reelected: int | None = strawberry.field(
        default=None,
        description="The number of customers that show other values because of the change so far.",
    )
    pending: bool | None = strawberry.field(
        default=None,
        description="Whether the re-election of further customers continues in the background.",
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was written; empty on success."
    )


def _rule(row: RuleRow) -> SurvivorshipRule:
    return SurvivorshipRule(
        field=None if row.field == EVERY_FIELD else FIELDS[row.field].graph_name,
        source_order=list(row.source_order),
        version=row.version,
    )


@strawberry.type
class SurvivorshipQuery:
    """The query of survivorship rules."""

    @strawberry.field(
        description="The survivorship rules: which systems are believed first, for single fields "
        "and for all others.",
        metadata=right("Customer"),
    )
    async def survivorship(self, info: Info) -> list[SurvivorshipRule]:
        """Return all survivorship rules."""
        return [_rule(row) for row in await info.context.read(store.rule_rows)]


@strawberry.type
class SurvivorshipMutation:
    """The mutation of survivorship rules."""

    @strawberry.mutation(
        description="Set which systems are believed first. Winners are elected again at once, "
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
                description="Names of systems, the most believed first; an empty list removes a "
                "field's rule."
            ),
        ],
        field: Annotated[
            str | None,
            strawberry.argument(
                description="The field, as Customer calls it; null: every field without a rule of "
                "its own."
            ),
        ] = None,
        expected_version: ExpectedVersion = None,
    ) -> SurvivorshipPayload:
        """Set a survivorship rule."""
        scope = info.context.scope("Customer", "merge")
        reelection = await write_with_retry(
            info.context, commands.set_order, scope, field, source_order, expected_version
        )
        rules = [_rule(row) for row in await info.context.read(store.rule_rows)]
        return SurvivorshipPayload(
            survivorship=rules, reelected=reelection.changed, pending=reelection.pending
        )
