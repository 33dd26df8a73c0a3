"""Mutations that merge customers and undo a merge, each with a preview of its effects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import strawberry

from chassis.api.context import Info
from chassis.api.problems import UserError, answers, user_error
from chassis.api.rights import right
from chassis.api.visibility import Visibility
from chassis.policy.masks import Protected
from chassis.policy.row_scopes import RowAccess
from customers.core.api.arguments import write_with_retry
from customers.core.api.ids import uuid, uuids
from customers.core.api.stubs import User
from customers.pool.api.customer import Customer, MergeEvent
from customers.pool.api.loaders import PoolLoaders
from customers.pool.api.protected import ANY_FIELD, ProtectedText
from customers.pool.commands import merge as commands
from customers.pool.commands.merge import Change, Merged, Preview
from customers.pool.domain.fields import FIELDS, field_called


@strawberry.type(description="A field of the survivor that shows another value afterwards.")
class FieldChange:
    """The change of one field of the survivor, redacted for its reader."""

    field: str = strawberry.field(description="The field, as Customer calls it.")
    before: ProtectedText = strawberry.field(
        description="The value that the survivor shows before.", directives=[ANY_FIELD]
    )
    after: ProtectedText = strawberry.field(
        description="The value that the survivor shows afterwards.", directives=[ANY_FIELD]
    )
    source: str | None = strawberry.field(
        description="The system whose claim wins afterwards; null: no source claims the field."
    )

    @classmethod
    def of(cls, change: Change, access: RowAccess, loaders: PoolLoaders) -> FieldChange:
        """Build a change, redacted by the access to the survivor."""
        coordinate = FIELDS[change.field].protected_by

        def protected(text: str | None) -> ProtectedText:
            if coordinate is None:
                return ProtectedText.of(Protected(text, Visibility.CLEAR))
            return ProtectedText.deferred(loaders.redactor(coordinate), access, text)

        winner = change.election.winner if change.election else None
        return cls(
            field=FIELDS[change.field].graph_name,
            before=protected(change.before),
            after=protected(winner.value if winner else None),
            source=winner.system if winner else None,
        )


@strawberry.type(description="The effects of a merge, or of undoing one.")
class MergePreview:
    """The effects of a merge or its undoing, as far as the caller may see them."""

    customer: Customer = strawberry.field(description="The survivor as it was before.")
    restored_ids: list[strawberry.ID] = strawberry.field(
        description="When undoing: the ids that are separate customers again."
    )
    field_changes: list[FieldChange] = strawberry.field(
        description="Fields of the survivor that show another value afterwards. Only fields that "
        "the caller sees in clear on all of the customers: a difference discloses both values."
    )
    relinked: int = strawberry.field(
        description="The number of source records that move to another customer."
    )
    access_gained: list[User] = strawberry.field(
        description="Users who see data afterwards that they could not see before."
    )
    access_lost: list[User] = strawberry.field(
        description="Users who no longer see data that they could see before."
    )
    conflicts: list[UserError] = strawberry.field(
        description="Reasons against the merge; they do not prevent it."
    )

    @classmethod
    def of(cls, preview: Preview, info: Info) -> MergePreview:
        """Build a preview for the caller."""
        loaders = info.context.loaders_of(PoolLoaders)
        return cls(
            customer=Customer.of(preview.customer, loaders),
            restored_ids=[strawberry.ID(str(id)) for id in preview.restored],
            field_changes=[
                FieldChange.of(change, preview.customer.access, loaders)
                for change in preview.changes
                if _may_compare(change.field, preview.involved, loaders)
            ],
            relinked=preview.relinked,
            access_gained=[user for id in preview.access.gained if (user := User.of(id))],
            access_lost=[user for id in preview.access.lost if (user := User.of(id))],
            conflicts=[
                user_error(conflict, info.context.locale)
                for conflict in preview.conflicts
                if conflict.field is None or _may_compare(conflict.field, preview.involved, loaders)
            ],
        )


def _may_compare(field: str, involved: Sequence[RowAccess], loaders: PoolLoaders) -> bool:
    coordinate = field_called(field).protected_by
    return coordinate is None or all(loaders.shows_clear(coordinate, access) for access in involved)


@strawberry.type(description="The merge with its preview, or why it was refused.")
class MergePayload:
    """The result of merging or unmerging."""

    merge: MergeEvent | None = strawberry.field(
        default=None, description="The merge; null on the dry run of a new one."
    )
    preview: MergePreview | None = strawberry.field(
        default=None, description="The effects; null when it was refused."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was written; empty on success."
    )


DryRun = Annotated[
    bool, strawberry.argument(description="true: return the effects and write nothing.")
]


@strawberry.type
class MergeMutation:
    """Mutations that merge and unmerge customers."""

    @strawberry.mutation(
        description="Merge customers into one. The absorbed ids lead to the survivor; owner, "
        "department and collaborators of the survivor stay as they are.",
        metadata=right("Customer", "merge"),
    )
    @answers(MergePayload)
    async def merge_customers(
        self,
        info: Info,
        ids: Annotated[
            list[strawberry.ID],
            strawberry.argument(description="The ids of 2 to 20 customers, with the survivor's."),
        ],
        survivor_id: Annotated[
            strawberry.ID,
            strawberry.argument(
                description="The customer whose id, owner and collaborators stay; one of ids."
            ),
        ],
        dry_run: DryRun = True,
        expected_versions: Annotated[
            list[int] | None,
            strawberry.argument(
                description="The version of each of ids, in their order; CONFLICT where one is not "
                "the present version."
            ),
        ] = None,
    ) -> MergePayload:
        """Merge customers, or preview it."""
        ctx = info.context
        merged = await write_with_retry(
            ctx,
            commands.merge,
            ctx.scope("Customer", "merge"),
            commands.viewers(ctx.guard, ctx.permissions.version),
            uuids(ids, "ids"),
            uuid(survivor_id, "survivorId"),
            dry_run=dry_run,
            expected_versions=expected_versions,
        )
        return _payload(info, merged)

    @strawberry.mutation(
        description="Undo a merge: source records move back with everything they have reported "
        "since, and so do manual entries that were addressed to the absorbed id.",
        metadata=right("Customer", "merge"),
    )
    @answers(MergePayload)
    async def unmerge(
        self,
        info: Info,
        merge_id: Annotated[strawberry.ID, strawberry.argument(description="The merge's id.")],
        dry_run: DryRun = True,
    ) -> MergePayload:
        """Undo a merge, or preview it."""
        ctx = info.context
        undone = await write_with_retry(
            ctx,
            commands.unmerge,
            ctx.scope("Customer", "merge"),
            commands.viewers(ctx.guard, ctx.permissions.version),
            uuid(merge_id, "mergeId"),
            dry_run=dry_run,
        )
        return _payload(info, undone)


def _payload(info: Info, merged: Merged) -> MergePayload:
    info.context.loaders_of(PoolLoaders).customers.clear_all()
    return MergePayload(
        merge=MergeEvent.of(merged.merge) if merged.merge else None,
        preview=MergePreview.of(merged.preview, info),
    )
