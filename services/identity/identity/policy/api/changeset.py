"""Changesets of the policy: drafted, reviewed, published as one version, rolled back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import strawberry

from chassis.api.context import Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from chassis.policy.rules import Rule as PolicyRule, casbin_line
from identity.core.api.arguments import IdempotencyKey
from identity.core.api.ids import maybe_uuid, uuid
from identity.core.domain.ids import ChangesetId, RuleId
from identity.core.store import policy
from identity.people.api.types import User, user_of
from identity.policy.api.loaders import PolicyLoaders
from identity.policy.api.rule import RuleInput
from identity.policy.api.simulation import Simulation, simulation_of
from identity.policy.commands import changeset as commands
from identity.policy.commands.changeset import Wanted, within
from identity.policy.domain import policy_csv
from identity.policy.domain.changeset import (
    MOST_CHANGES,
    Change,
    ChangesetStatus,
    refuse_wrong_size,
)
from identity.policy.store import changeset as store
from identity.policy.store.changeset import ChangesetRow
from identity.settings import IdentitySettings

strawberry.enum(
    ChangesetStatus,
    description="DRAFT: being written. IN_REVIEW: waits for a second person. APPROVED: may be "
    "published. PUBLISHED: became a policy version. DISCARDED: given up.",
)
ChangesetIdArgument = Annotated[
    strawberry.ID, strawberry.argument(description="The changeset's id.")
]
ChangesetVersion = Annotated[
    int,
    strawberry.argument(description="The changeset's `version` as you read it; else CONFLICT."),
]


@strawberry.type(description="What a rule says.")
class RuleText:
    subject: str = strawberry.field(description="`role:<name>` or `user:<id>`.")
    object: str = strawberry.field(description="What it is about.")
    action: str = strawberry.field(description="What may be done to it, or `*`.")
    rows: str = strawberry.field(description="To which rows; several are joined by `+`.")
    redaction: str = strawberry.field(description="How open a sensitive field is shown.")
    effect: str = strawberry.field(description="`allow` or `deny`.")

    @classmethod
    def of(cls, rule: PolicyRule) -> RuleText:
        return cls(
            subject=rule.subject,
            object=rule.object,
            action=rule.action,
            rows=rule.rows,
            redaction=rule.redaction,
            effect=rule.effect,
        )


@strawberry.type(description="What becomes of one rule.")
class RuleChange:
    rule_id: strawberry.ID | None = strawberry.field(
        description="The rule; null for a new one that is not published yet."
    )
    before: RuleText | None = strawberry.field(
        description="What it said when this was written; null: it is added."
    )
    after: RuleText | None = strawberry.field(description="What it says then; null: removed.")

    @classmethod
    def of(cls, change: Change) -> RuleChange:
        return cls(
            rule_id=strawberry.ID(str(change.rule)) if change.rule else None,
            before=RuleText.of(change.before) if change.before else None,
            after=RuleText.of(change.after) if change.after else None,
        )


@strawberry.federation.type(
    keys=["id"], description="Changes of the policy that come into force together, or not at all."
)
class Changeset:
    id: strawberry.ID = strawberry.field(description="The changeset's id.")
    title: str = strawberry.field(description="What it is, in a few words.", metadata=right("Rule"))
    reason: str = strawberry.field(description="Why it is wanted.", metadata=right("Rule"))
    status: ChangesetStatus = strawberry.field(
        description="How far it has come.", metadata=right("Rule")
    )
    changes: list[RuleChange] = strawberry.field(
        description="What becomes of which rule.", metadata=right("Rule")
    )
    adds: list[str] = strawberry.field(
        description="The rules that would be there, as Casbin lines.", metadata=right("Rule")
    )
    removes: list[str] = strawberry.field(
        description="The rules that would not be there any more, as Casbin lines.",
        metadata=right("Rule"),
    )
    review_note: str = strawberry.field(
        description="What the reviewer said.", metadata=right("Rule")
    )
    policy_version: int | None = strawberry.field(
        description="The policy version it became; null before it is published.",
        metadata=right("Rule"),
    )
    published_at: datetime | None = strawberry.field(
        description="When it came into force.", metadata=right("Rule")
    )
    created_at: datetime = strawberry.field(
        description="When it was first written.", metadata=right("Rule")
    )
    version: int = strawberry.field(description="Grows with every change; give it back on writes.")
    row: strawberry.Private[ChangesetRow]

    @strawberry.field(
        description="What publishing it now would do to whom, and what stands against it.",
        metadata=right("Rule"),
    )
    async def simulation(self, info: Info) -> Simulation:
        return await simulation_of(info.context, self.row)

    @strawberry.field(description="Who wrote it last.", metadata=right("Rule"))
    async def author(self, info: Info) -> User | None:
        return await user_of(info, self.row.author)

    @strawberry.field(
        description="Who looked at it last; never its author.", metadata=right("Rule")
    )
    async def reviewer(self, info: Info) -> User | None:
        return await user_of(info, self.row.reviewer)

    @strawberry.field(description="Who put it into force.", metadata=right("Rule"))
    async def published_by(self, info: Info) -> User | None:
        return await user_of(info, self.row.published_by)

    @strawberry.field(
        description="The changeset whose changes this one takes back.", metadata=right("Rule")
    )
    async def restores(self, info: Info) -> Changeset | None:
        return await changeset_of(info, self.row.restores)

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> Changeset | None:
        return await changeset_of(info, ChangesetId(uuid(id, "id")))

    @classmethod
    def of(cls, row: ChangesetRow) -> Changeset:
        return cls(
            id=strawberry.ID(str(row.id)),
            title=row.title,
            reason=row.reason,
            status=row.status,
            changes=[RuleChange.of(one) for one in row.changes],
            adds=[", ".join(casbin_line(one.after)) for one in row.changes if one.after],
            removes=[", ".join(casbin_line(one.before)) for one in row.changes if one.before],
            review_note=row.review_note,
            policy_version=row.policy_version,
            published_at=row.published_at,
            created_at=row.created_at,
            version=row.version,
            row=row,
        )


async def changeset_of(info: Info, id: ChangesetId | None) -> Changeset | None:
    """The changeset of this id, for those who read the policy."""
    found = await info.context.loaders_of(PolicyLoaders).changeset.load(id) if id else None
    return Changeset.of(found) if found else None


@strawberry.input(
    description="What is to become of one rule. Only `rule`: it is added. Only `ruleId`: that rule "
    "is removed. Both: that rule says this instead."
)
class RuleChangeInput:
    rule_id: strawberry.ID | None = strawberry.field(default=None, description="A rule's id.")
    rule: RuleInput | None = strawberry.field(default=None, description="What it is to say.")

    def wanted(self) -> Wanted:
        id = maybe_uuid(self.rule_id, "ruleId")
        if self.rule is None:
            return Wanted(RuleId(id) if id else None, None)
        with within("rule"):
            return Wanted(RuleId(id) if id else None, self.rule.wanted())


Changes = Annotated[
    list[RuleChangeInput],
    strawberry.argument(description=f"What becomes of which rule; 1 to {MOST_CHANGES}."),
]
Title = Annotated[str, strawberry.argument(description="What it is, in at most 200 characters.")]
Reason = Annotated[
    str, strawberry.argument(description="Why it is wanted, in at most 1000 characters.")
]


def _wanted(changes: Sequence[RuleChangeInput]) -> list[Wanted]:
    refuse_wrong_size(changes)
    found = []
    for index, one in enumerate(changes):
        with within(f"changes.{index}"):
            found.append(one.wanted())
    return found


@strawberry.type(description="The changeset after the change, or why there was none.")
class ChangesetPayload:
    changeset: Changeset | None = strawberry.field(
        default=None, description="The changeset as it is now."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty if it was."
    )


@strawberry.type
class ChangesetQuery:
    @strawberry.field(description="One changeset.", metadata=right("Rule"))
    async def changeset(self, info: Info, id: ChangesetIdArgument) -> Changeset | None:
        return await changeset_of(info, ChangesetId(uuid(id, "id")))

    @strawberry.field(
        description="The policy as Casbin CSV: every rule (`p`), what roles inherit and who has "
        "which role (`g`). `importPolicy` reads it.",
        metadata=right("Rule"),
    )
    async def policy_csv(self, info: Info) -> str:
        return policy_csv.written(await info.context.read(policy.snapshot))

    @strawberry.field(
        description="Changesets, the newest first: the history of the policy's rules.",
        metadata=right("Rule"),
    )
    async def changesets(
        self,
        info: Info,
        status: Annotated[
            ChangesetStatus | None,
            strawberry.argument(description="Only those that are here; null: all."),
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[Changeset]:
        scope = info.context.scope("Rule")
        found = await info.context.read(store.listed, scope, status, Window(first, after))
        return connect(found, Changeset.of)  # type: ignore[no-any-return]  # the one asked for


@strawberry.type
class ChangesetMutation:
    @strawberry.mutation(
        description="Write changes of the policy down as a draft; nothing is in force yet. Every "
        "rule is held against the rulebook.",
        metadata=right("Rule", "update"),
    )
    @answers(ChangesetPayload)
    async def create_changeset(
        self,
        info: Info,
        title: Title,
        changes: Changes,
        reason: Reason = "",
        idempotency_key: IdempotencyKey = None,
    ) -> ChangesetPayload:
        scope = info.context.scope("Rule", "update")
        id = await info.context.write(
            commands.create_changeset, scope, title, reason, _wanted(changes), idempotency_key
        )
        return await _answer(info, id)

    @strawberry.mutation(
        description="Draft a changeset that turns the rules into those of a Casbin CSV, as "
        "`policyCsv` writes it. Nothing is in force before it is published.",
        metadata=right("Rule", "update"),
    )
    @answers(ChangesetPayload)
    async def import_policy(
        self,
        info: Info,
        csv: Annotated[
            str,
            strawberry.argument(
                description="Lines `p, subject, object, action, rows, redaction, effect`, at most "
                "1,000,000 characters. Lines `g` between roles must agree with the roles here; "
                "who has which role (`g` of a user) is not read."
            ),
        ],
        title: Title = "Import of a policy",
        reason: Reason = "",
        replace: Annotated[
            bool,
            strawberry.argument(
                description="true: rules that the file does not have are removed; false: it only "
                "adds."
            ),
        ] = False,
        idempotency_key: IdempotencyKey = None,
    ) -> ChangesetPayload:
        found = await info.context.write(
            commands.import_policy,
            info.context.scope("Rule", "update"),
            title,
            reason,
            csv,
            replace=replace,
            key=idempotency_key,
        )
        return await _answer(info, found)

    @strawberry.mutation(
        description="Let a changeset that is not published say something else. It is a draft "
        "again, and whoever changes it is its author.",
        metadata=right("Rule", "update"),
    )
    @answers(ChangesetPayload)
    async def update_changeset(
        self,
        info: Info,
        id: ChangesetIdArgument,
        expected_version: ChangesetVersion,
        title: Annotated[
            str | None, strawberry.argument(description="What it is; left out, it stays.")
        ] = None,
        reason: Annotated[
            str | None, strawberry.argument(description="Why; left out, it stays.")
        ] = None,
        changes: Annotated[
            list[RuleChangeInput] | None,
            strawberry.argument(description="All its changes anew; left out, they stay."),
        ] = None,
    ) -> ChangesetPayload:
        found = await info.context.write(
            commands.update_changeset,
            info.context.scope("Rule", "update"),
            ChangesetId(uuid(id, "id")),
            title=title,
            reason=reason,
            wanted=_wanted(changes) if changes is not None else None,
            expected=expected_version,
        )
        return await _answer(info, found)

    @strawberry.mutation(
        description="Ask a second person to look at a draft.", metadata=right("Rule", "update")
    )
    @answers(ChangesetPayload)
    async def submit_changeset(
        self, info: Info, id: ChangesetIdArgument, expected_version: ChangesetVersion
    ) -> ChangesetPayload:
        scope = info.context.scope("Rule", "update")
        found = await info.context.write(
            commands.submit_changeset, scope, ChangesetId(uuid(id, "id")), expected_version
        )
        return await _answer(info, found)

    @strawberry.mutation(
        description="Say that a changeset in review may be published. Not for its author.",
        metadata=right("Rule", "update"),
    )
    @answers(ChangesetPayload)
    async def approve_changeset(
        self,
        info: Info,
        id: ChangesetIdArgument,
        expected_version: ChangesetVersion,
        note: Annotated[str, strawberry.argument(description="What there is to say.")] = "",
    ) -> ChangesetPayload:
        return await _review(info, id, expected_version, approve=True, note=note)

    @strawberry.mutation(
        description="Give a changeset in review back to its author. Not for its author.",
        metadata=right("Rule", "update"),
    )
    @answers(ChangesetPayload)
    async def return_changeset(
        self,
        info: Info,
        id: ChangesetIdArgument,
        expected_version: ChangesetVersion,
        note: Annotated[str, strawberry.argument(description="What is to be changed.")],
    ) -> ChangesetPayload:
        return await _review(info, id, expected_version, approve=False, note=note)

    @strawberry.mutation(
        description="Put a changeset into force as one policy version, in every service within one "
        "second. A draft will do unless review is set up; one in review waits for approval. "
        "CONFLICT if a rule it touches was changed meanwhile.",
        metadata=right("Rule", "update"),
    )
    @answers(ChangesetPayload)
    async def publish_changeset(
        self, info: Info, id: ChangesetIdArgument, expected_version: ChangesetVersion
    ) -> ChangesetPayload:
        found = await info.context.write(
            commands.publish_changeset,
            info.context.scope("Rule", "update"),
            ChangesetId(uuid(id, "id")),
            expected_version,
            review=_review_is_asked_for(info),
        )
        return await _answer(info, found)

    @strawberry.mutation(
        description="Give an unpublished changeset up; it stays on record.",
        metadata=right("Rule", "update"),
    )
    @answers(ChangesetPayload)
    async def discard_changeset(
        self, info: Info, id: ChangesetIdArgument, expected_version: ChangesetVersion
    ) -> ChangesetPayload:
        scope = info.context.scope("Rule", "update")
        found = await info.context.write(
            commands.discard_changeset, scope, ChangesetId(uuid(id, "id")), expected_version
        )
        return await _answer(info, found)

    @strawberry.mutation(
        description="Write a new changeset that restores what the rules said before this published "
        "one. CONFLICT if one of them was changed since.",
        metadata=right("Rule", "update"),
    )
    @answers(ChangesetPayload)
    async def roll_back_changeset(
        self,
        info: Info,
        id: ChangesetIdArgument,
        reason: Reason = "",
        publish: Annotated[
            bool,
            strawberry.argument(
                description="true: put it into force at once; FORBIDDEN where changes are reviewed."
            ),
        ] = False,
        idempotency_key: IdempotencyKey = None,
    ) -> ChangesetPayload:
        found = await info.context.write(
            commands.roll_back_changeset,
            info.context.scope("Rule", "update"),
            ChangesetId(uuid(id, "id")),
            reason,
            publish=publish,
            review=_review_is_asked_for(info),
            key=idempotency_key,
        )
        return await _answer(info, found)


async def _review(
    info: Info, id: str, expected: int, *, approve: bool, note: str
) -> ChangesetPayload:
    found = await info.context.write(
        commands.review_changeset,
        info.context.scope("Rule", "update"),
        ChangesetId(uuid(id, "id")),
        expected,
        approve=approve,
        note=note,
    )
    return await _answer(info, found)


def _review_is_asked_for(info: Info) -> bool:
    return info.context.resource(IdentitySettings).policy_review


async def _answer(info: Info, id: ChangesetId) -> ChangesetPayload:
    found = await info.context.read(store.by_ids, info.context.scope("Rule"), [id])
    return ChangesetPayload(changeset=Changeset.of(found[0]) if found[0] else None)
