"""The access policy: its rules, what they may say, and editing them."""

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
    description="One line of the policy. Deny wins over allow, and what no rule allows is denied."
)
class Rule:
    id: strawberry.ID = strawberry.field(description="The rule's id.")
    subject: str = strawberry.field(description="`role:<name>` or `user:<id>`.")
    object: str = strawberry.field(
        description="What it is about: `Customer`, a sensitive field as `Contact.mobile`, or `*`."
    )
    action: str = strawberry.field(description="What may be done to it, or `*`.")
    rows: str = strawberry.field(description="To which rows; several are joined by `+`.")
    redaction: str = strawberry.field(description="How open a sensitive field is shown.")
    effect: str = strawberry.field(description="`allow` or `deny`.")

    @classmethod
    def of(cls, row: RuleRow) -> Rule:
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


@strawberry.type(description="What rules may say of one object; anything else is refused.")
class RulebookEntry:
    object: str = strawberry.field(description="The schema coordinate.")
    description: str = strawberry.field(description="What it is.")
    actions: list[str] = strawberry.field(description="What may be permitted to be done to it.")
    rows: list[str] = strawberry.field(description="Row scopes a rule may narrow it to.")
    redactions: list[str] = strawberry.field(description="How a rule may have it shown.")

    @classmethod
    def of(cls, entry: Entry) -> RulebookEntry:
        return cls(
            object=entry.object,
            description=entry.description,
            actions=list(entry.actions),
            rows=list(entry.rows),
            redactions=list(entry.redactions),
        )


@strawberry.input(description="A rule as it is to be. `rulebook` lists what each field may say.")
class RuleInput:
    subject: str = strawberry.field(description="`role:<name>` or `user:<id>`.")
    object: str = strawberry.field(description="An object of the rulebook, or `*`.")
    action: str = strawberry.field(description="An action of that object, or `*`.")
    rows: str = strawberry.field(
        default="all", description="Row scopes of that object, joined by `+`."
    )
    redaction: str = strawberry.field(
        default="clear", description="Another than `clear` for sensitive fields only."
    )
    effect: str = strawberry.field(default="allow", description="`allow` or `deny`.")

    def wanted(self) -> PolicyRule:
        return domain.drafted(
            subject=self.subject,
            object=self.object,
            action=self.action,
            rows=self.rows,
            redaction=self.redaction,
            effect=self.effect,
        )


@strawberry.input(description="Which rules a list is about; what is left out does not matter.")
class RuleFilter:
    subject: str | None = strawberry.field(default=None, description="Only those of this subject.")
    object: str | None = strawberry.field(default=None, description="Only those about this object.")

    def wanted(self) -> store.Filter:
        return store.Filter(
            subject=optional(self.subject, field="filter.subject", longest=100) or None,
            object=optional(self.object, field="filter.object", longest=100) or None,
        )


@strawberry.type(description="The rule after the change, or why there was none.")
class RulePayload:
    rule: Rule | None = strawberry.field(
        default=None, description="The rule as it is now; null if it was removed."
    )
    policy_version: int | None = strawberry.field(
        default=None,
        description="The version the change is part of; every service follows within one second.",
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty if it was."
    )


@strawberry.type
class RuleQuery:
    @strawberry.field(
        description="The policy's version; give it back when changing rules.",
        metadata=right("Rule"),
    )
    async def policy_version(self, info: Info) -> int:
        return await info.context.read(policy.version)

    @strawberry.field(description="The policy's rules, the oldest first.", metadata=right("Rule"))
    async def rules(
        self,
        info: Info,
        filter: Annotated[
            RuleFilter | None, strawberry.argument(description="Which rules; null: all.")
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[Rule]:
        wanted = filter.wanted() if filter else store.Filter()
        scope = info.context.scope("Rule")
        found = await info.context.read(store.listed, scope, wanted, Window(first, after))
        return connect(found, Rule.of)  # type: ignore[no-any-return]  # the connection asked for

    @strawberry.field(description="Everything that may be permitted.", metadata=right("Rule"))
    async def rulebook(self) -> list[RulebookEntry]:
        return [RulebookEntry.of(entry) for entry in RULEBOOK]


@strawberry.type
class RuleMutation:
    @strawberry.mutation(
        description="Add a rule: a changeset of one change, published at once. It is enforced in "
        "every service within one second. FORBIDDEN where changes are reviewed.",
        metadata=right("Rule", "update"),
    )
    @answers(RulePayload)
    async def add_rule(
        self,
        info: Info,
        input: Annotated[RuleInput, strawberry.argument(description="The rule to be.")],
        expected_version: PolicyVersion,
        idempotency_key: IdempotencyKey = None,
    ) -> RulePayload:
        edited = await info.context.write(
            commands.add_rule,
            info.context.scope("Rule", "update"),
            input.wanted(),
            expected_version,
            idempotency_key,
            review=info.context.resource(IdentitySettings).policy_review,
        )
        return await _answer(info, edited)

    @strawberry.mutation(
        description="Let a rule say something else: a changeset of one change, published at once. "
        "FORBIDDEN where changes are reviewed.",
        metadata=right("Rule", "update"),
    )
    @answers(RulePayload)
    async def update_rule(
        self,
        info: Info,
        id: RuleIdArgument,
        input: Annotated[RuleInput, strawberry.argument(description="What it is to say.")],
        expected_version: PolicyVersion,
    ) -> RulePayload:
        edited = await info.context.write(
            commands.update_rule,
            info.context.scope("Rule", "update"),
            RuleId(uuid(id, "id")),
            input.wanted(),
            expected_version,
            review=info.context.resource(IdentitySettings).policy_review,
        )
        return await _answer(info, edited)

    @strawberry.mutation(
        description="Strike a rule out: a changeset of one change, published at once. FORBIDDEN "
        "where changes are reviewed.",
        metadata=right("Rule", "update"),
    )
    @answers(RulePayload)
    async def remove_rule(
        self, info: Info, id: RuleIdArgument, expected_version: PolicyVersion
    ) -> RulePayload:
        edited = await info.context.write(
            commands.remove_rule,
            info.context.scope("Rule", "update"),
            RuleId(uuid(id, "id")),
            expected_version,
            review=info.context.resource(IdentitySettings).policy_review,
        )
        return await _answer(info, edited)


async def _answer(info: Info, edited: Edited) -> RulePayload:
    found = await info.context.read(store.by_id, edited.id)
    return RulePayload(rule=Rule.of(found) if found else None, policy_version=edited.version)
