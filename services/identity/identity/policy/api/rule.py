"""Rules of the access policy and the rulebook: types, queries and mutations."""

from __future__ import annotations

from typing import Annotated

import strawberry

from chassis.api.context import Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from chassis.policy.rules import Rule as PolicyRule
from identity.core.api.arguments import IdempotencyKey, PolicyVersion
from identity.core.api.ids import uuid
from identity.core.domain.ids import RuleId
from identity.core.domain.rulebook import RULEBOOK, Entry
from identity.core.domain.text import optional
from identity.core.store import policy
from identity.policy.commands import rule as commands
from identity.policy.commands.rule import Edited
from identity.policy.domain import rule as domain
from identity.policy.store import rule as store
from identity.policy.store.rule import RuleRow
from identity.settings import IdentitySettings

RuleIdArgument = Annotated[strawberry.ID, strawberry.argument(description="The rule's id.")]


@strawberry.type(
    description="A rule of the policy. Deny wins over allow, and what no rule allows is denied."
)
class Rule:
    """A rule of the policy."""

    id: strawberry.ID = strawberry.field(description="The rule's id.")
    subject: str = strawberry.field(description="`role:<name>` or `user:<id>`.")
    object: str = strawberry.field(
        description="The object: `Customer`, a sensitive field as `Contact.mobile`, or `*`."
    )
    action: str = strawberry.field(description="The action on the object, or `*`.")
    rows: str = strawberry.field(description="The row scopes, joined by `+`.")
    redaction: str = strawberry.field(description="How a sensitive field is shown.")
    effect: str = strawberry.field(description="`allow` or `deny`.")

    @classmethod
    def of(cls, row: RuleRow) -> Rule:
        """Convert a row to the GraphQL type."""
        line = row.rule
        return cls(
            id=strawberry.ID(str(row.id)),
            subject=line.subject,
            object=line.object,
            action=line.action,
            rows=line.rows,
            redaction=line.redaction,
            effect=line.effect,
        )


@strawberry.type(description="The values that rules may have for one object; others are refused.")
class RulebookEntry:
    """The values that rules may have for one object; others are refused."""

    object: str = strawberry.field(description="The schema coordinate.")
    description: str = strawberry.field(description="What the object is.")
    actions: list[str] = strawberry.field(description="The actions that rules may name.")
    rows: list[str] = strawberry.field(description="The row scopes that rules may name.")
    redactions: list[str] = strawberry.field(description="The redactions that rules may name.")

    @classmethod
    def of(cls, entry: Entry) -> RulebookEntry:
        """Convert a value to the GraphQL type."""
        return cls(
            object=entry.object,
            description=entry.description,
            actions=list(entry.actions),
            rows=list(entry.rows),
            redactions=list(entry.redactions),
        )


@strawberry.input(description="The content of a rule. `rulebook` lists the allowed values.")
class RuleInput:
    """The content of a rule."""

    subject: str = strawberry.field(description="`role:<name>` or `user:<id>`.")
    object: str = strawberry.field(description="An object of the rulebook, or `*`.")
    action: str = strawberry.field(description="An action of that object, or `*`.")
    rows: str = strawberry.field(
        default="all", description="Row scopes of that object, joined by `+`."
    )
    redaction: str = strawberry.field(
        default="clear",
        description="A redaction of that object; other than `clear` for sensitive fields only.",
    )
    effect: str = strawberry.field(default="allow", description="`allow` or `deny`.")

    def rule(self) -> PolicyRule:
        """Return the rule, checked against the rulebook. Raises `BadInput`."""
        return domain.drafted(
            subject=self.subject,
            object=self.object,
            action=self.action,
            rows=self.rows,
            redaction=self.redaction,
            effect=self.effect,
        )


@strawberry.input(description="Filter of rules; a field that is left out sets no condition.")
class RuleFilter:
    """Conditions that all must hold."""

    subject: str | None = strawberry.field(default=None, description="Filter by subject.")
    object: str | None = strawberry.field(default=None, description="Filter by object.")

    def conditions(self) -> store.Filter:
        """Return the filter with checked values. Raises `BadInput`."""
        return store.Filter(
            subject=optional(self.subject, field="filter.subject", longest=100) or None,
            object=optional(self.object, field="filter.object", longest=100) or None,
        )


@strawberry.type(description="The rule after the change, or the errors that prevented it.")
class RulePayload:
    """The rule after the change, or the errors that prevented it."""

    rule: Rule | None = strawberry.field(
        default=None, description="The rule as it is now; null if it was removed."
    )
    policy_version: int | None = strawberry.field(
        default=None,
        description="The policy version with the change; every service follows within one second.",
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was changed; empty after success."
    )


@strawberry.type
class RuleQuery:
    """Queries of rules."""

    @strawberry.field(
        description="The version of the policy; send it as `expectedVersion` when changing rules.",
        metadata=right("Rule"),
    )
    async def policy_version(self, info: Info) -> int:
        """Return the version of the policy; send it as `expectedVersion` when changing rules."""
        return await info.context.read(policy.version)

    @strawberry.field(description="The policy's rules, the oldest first.", metadata=right("Rule"))
    async def rules(
        self,
        info: Info,
        filter: Annotated[
            RuleFilter | None, strawberry.argument(description="Filter; null: all.")
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[Rule]:
        """Return the policy's rules, the oldest first."""
        conditions = filter.conditions() if filter else store.Filter()
        scope = info.context.scope("Rule")
        rows = await info.context.read(store.listed, scope, conditions, Window(first, after))
        return connect(rows, Rule.of)  # type: ignore[no-any-return]  # connect returns Any

    @strawberry.field(
        description="The rulebook: everything that rules may permit.", metadata=right("Rule")
    )
    async def rulebook(self) -> list[RulebookEntry]:
        """Return the rulebook: everything that rules may permit."""
        return [RulebookEntry.of(entry) for entry in RULEBOOK]


@strawberry.type
class RuleMutation:
    """Mutations of rules."""

    @strawberry.mutation(
        description="Add a rule by a changeset of one change that is published at once. It is "
        "enforced in every service within one second. FORBIDDEN where changes are reviewed.",
        metadata=right("Rule", "update"),
    )
    @answers(RulePayload)
    async def add_rule(
        self,
        info: Info,
        input: Annotated[RuleInput, strawberry.argument(description="The rule to add.")],
        expected_version: PolicyVersion,
        idempotency_key: IdempotencyKey = None,
    ) -> RulePayload:
        """Add a rule by a changeset of one change that is published at once."""
        edited = await info.context.write(
            commands.add_rule,
            info.context.scope("Rule", "update"),
            input.rule(),
            expected_version,
            idempotency_key,
            review=info.context.resource(IdentitySettings).policy_review,
        )
        return await _answer(info, edited)

    @strawberry.mutation(
        description="Replace a rule by a changeset of one change that is published at once. "
        "FORBIDDEN where changes are reviewed.",
        metadata=right("Rule", "update"),
    )
    @answers(RulePayload)
    async def update_rule(
        self,
        info: Info,
        id: RuleIdArgument,
        input: Annotated[RuleInput, strawberry.argument(description="The replacement.")],
        expected_version: PolicyVersion,
    ) -> RulePayload:
        """Replace a rule by a changeset of one change that is published at once."""
        edited = await info.context.write(
            commands.update_rule,
            info.context.scope("Rule", "update"),
            RuleId(uuid(id, "id")),
            input.rule(),
            expected_version,
            review=info.context.resource(IdentitySettings).policy_review,
        )
        return await _answer(info, edited)

    @strawberry.mutation(
        description="Remove a rule by a changeset of one change that is published at once. "
        "FORBIDDEN where changes are reviewed.",
        metadata=right("Rule", "update"),
    )
    @answers(RulePayload)
    async def remove_rule(
        self, info: Info, id: RuleIdArgument, expected_version: PolicyVersion
    ) -> RulePayload:
        """Remove a rule by a changeset of one change that is published at once."""
        edited = await info.context.write(
            commands.remove_rule,
            info.context.scope("Rule", "update"),
            RuleId(uuid(id, "id")),
            expected_version,
            review=info.context.resource(IdentitySettings).policy_review,
        )
        return await _answer(info, edited)


async def _answer(info: Info, edited: Edited) -> RulePayload:
    row = await info.context.read(store.by_id, edited.id)
    return RulePayload(rule=Rule.of(row) if row else None, policy_version=edited.version)
