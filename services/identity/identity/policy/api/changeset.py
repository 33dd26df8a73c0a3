"""The GraphQL types and queries of changesets."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from chassis.api.context import Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.problems import UserError
from chassis.api.rights import right
from chassis.policy.rules import Rule as PolicyRule, casbin_line
from identity.core.api.ids import uuid
from identity.core.domain.ids import ChangesetId
from identity.core.store import policy
from identity.people.api.types import User, user_of
from identity.policy.api.loaders import PolicyLoaders
from identity.policy.api.simulation import Simulation, simulation_of
from identity.policy.domain import policy_csv
from identity.policy.domain.changeset import Change, ChangesetStatus
from identity.policy.store import changeset as store
from identity.policy.store.changeset import ChangesetRow

strawberry.enum(
    ChangesetStatus,
    description="DRAFT: being written. IN_REVIEW: waits for approval by a second person. APPROVED: "
    "may be published. PUBLISHED: became a policy version. DISCARDED: will not be published.",
)
ChangesetIdArgument = Annotated[
    strawberry.ID, strawberry.argument(description="The changeset's id.")
]


@strawberry.type(description="The content of a rule.")
class RuleText:
    """The content of a rule."""

    subject: str = strawberry.field(description="`role:<name>` or `user:<id>`.")
    object: str = strawberry.field(description="The object, a schema coordinate or `*`.")
    action: str = strawberry.field(description="The action on the object, or `*`.")
    rows: str = strawberry.field(description="The row scopes, joined by `+`.")
    redaction: str = strawberry.field(description="How a sensitive field is shown.")
    effect: str = strawberry.field(description="`allow` or `deny`.")

    @classmethod
    def of(cls, rule: PolicyRule) -> RuleText:
        """Convert a value to the GraphQL type."""
        return cls(
            subject=rule.subject,
            object=rule.object,
            action=rule.action,
            rows=rule.rows,
            redaction=rule.redaction,
            effect=rule.effect,
        )


@strawberry.type(description="The change of one rule.")
class RuleChange:
    """The change of one rule."""

    rule_id: strawberry.ID | None = strawberry.field(
        description="The rule's id; null for a new rule that is not published yet."
    )
    before: RuleText | None = strawberry.field(
        description="The rule when the changeset was written; null: it is added."
    )
    after: RuleText | None = strawberry.field(
        description="The rule after publication; null: it is removed."
    )

    @classmethod
    def of(cls, change: Change) -> RuleChange:
        """Convert a value to the GraphQL type."""
        return cls(
            rule_id=strawberry.ID(str(change.rule)) if change.rule else None,
            before=RuleText.of(change.before) if change.before else None,
            after=RuleText.of(change.after) if change.after else None,
        )


@strawberry.federation.type(
    keys=["id"], description="Changes of the policy that come into force together, or not at all."
)
class Changeset:
    """Changes of the policy that come into force together, or not at all."""

    id: strawberry.ID = strawberry.field(description="The changeset's id.")
    title: str = strawberry.field(description="The title.", metadata=right("Rule"))
    reason: str = strawberry.field(description="The reason.", metadata=right("Rule"))
    status: ChangesetStatus = strawberry.field(description="The state.", metadata=right("Rule"))
    changes: list[RuleChange] = strawberry.field(
        description="The changes of rules.", metadata=right("Rule")
    )
    adds: list[str] = strawberry.field(
        description="The rules that it adds, as Casbin lines.", metadata=right("Rule")
    )
    removes: list[str] = strawberry.field(
        description="The rules that it removes, as Casbin lines.",
        metadata=right("Rule"),
    )
    review_note: str = strawberry.field(
        description="The note of the reviewer.", metadata=right("Rule")
    )
    policy_version: int | None = strawberry.field(
        description="The policy version it became; null before it is published.",
        metadata=right("Rule"),
    )
    published_at: datetime | None = strawberry.field(
        description="When it came into force.", metadata=right("Rule")
    )
    created_at: datetime = strawberry.field(
        description="When it was created.", metadata=right("Rule")
    )
    version: int = strawberry.field(
        description="The version, which grows with every change; send it as `expectedVersion`."
    )
    row: strawberry.Private[ChangesetRow]

    @strawberry.field(
        description="The effect of publishing it now, and the errors that prevent it.",
        metadata=right("Rule"),
    )
    async def simulation(self, info: Info) -> Simulation:
        """Return the effect of publishing it now, and the errors that prevent it."""
        return await simulation_of(info.context, self.row)

    @strawberry.field(description="The last author.", metadata=right("Rule"))
    async def author(self, info: Info) -> User | None:
        """Return the last author."""
        return await user_of(info, self.row.author)

    @strawberry.field(description="The last reviewer, never the author.", metadata=right("Rule"))
    async def reviewer(self, info: Info) -> User | None:
        """Return the last reviewer, never the author."""
        return await user_of(info, self.row.reviewer)

    @strawberry.field(description="The user who published it.", metadata=right("Rule"))
    async def published_by(self, info: Info) -> User | None:
        """Return the user who published it."""
        return await user_of(info, self.row.published_by)

    @strawberry.field(
        description="The changeset whose changes this one undoes.", metadata=right("Rule")
    )
    async def restores(self, info: Info) -> Changeset | None:
        """Return the changeset whose changes this one undoes."""
        return await changeset_of(info, self.row.restores)

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> Changeset | None:
        """Resolve a federation reference by its key."""
        return await changeset_of(info, ChangesetId(uuid(id, "id")))

    @classmethod
    def of(cls, row: ChangesetRow) -> Changeset:
        """Convert a row to the GraphQL type."""
        return cls(
            id=strawberry.ID(str(row.id)),
            title=row.title,
            reason=row.reason,
            status=row.status,
            changes=[RuleChange.of(change) for change in row.changes],
            adds=[", ".join(casbin_line(change.after)) for change in row.changes if change.after],
            removes=[
                ", ".join(casbin_line(change.before)) for change in row.changes if change.before
            ],
            review_note=row.review_note,
            policy_version=row.policy_version,
            published_at=row.published_at,
            created_at=row.created_at,
            version=row.version,
            row=row,
        )


async def changeset_of(info: Info, id: ChangesetId | None) -> Changeset | None:
    """Return the changeset of this id, for callers who may read the policy."""
    row = await info.context.loaders_of(PolicyLoaders).changeset.load(id) if id else None
    return Changeset.of(row) if row else None


@strawberry.type(description="The changeset after the change, or the errors that prevented it.")
class ChangesetPayload:
    """The changeset after the change, or the errors that prevented it."""

    changeset: Changeset | None = strawberry.field(
        default=None, description="The changeset as it is now."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was changed; empty after success."
    )


@strawberry.type
class ChangesetQuery:
    """Queries of changesets."""

    @strawberry.field(description="One changeset.", metadata=right("Rule"))
    async def changeset(self, info: Info, id: ChangesetIdArgument) -> Changeset | None:
        """Return one changeset."""
        return await changeset_of(info, ChangesetId(uuid(id, "id")))

    @strawberry.field(
        description="The policy as Casbin CSV: rules (`p`), inheritance of roles and roles of "
        "users (`g`). `importPolicy` reads it.",
        metadata=right("Rule"),
    )
    async def policy_csv(self, info: Info) -> str:
        """Return the policy as Casbin CSV."""
        return policy_csv.to_csv(await info.context.read(policy.snapshot))

    @strawberry.field(
        description="Changesets, the newest first: the history of the policy's rules.",
        metadata=right("Rule"),
    )
    async def changesets(
        self,
        info: Info,
        status: Annotated[
            ChangesetStatus | None,
            strawberry.argument(description="Filter by state; null: all."),
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[Changeset]:
        """Return changesets, the newest first: the history of the policy's rules."""
        scope = info.context.scope("Rule")
        rows = await info.context.read(store.listed, scope, status, Window(first, after))
        return connect(rows, Changeset.of)  # type: ignore[no-any-return]  # connect returns Any
