"""Merging customers and undoing it, each said before it is done."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import strawberry

from chassis.api.problems import UserError, answers, user_error
from chassis.api.rights import right
from chassis.api.visibility import Visibility
from chassis.policy.masks import Protected
from chassis.policy.row_scopes import RowAccess
from customers.core.api.arguments import written
from customers.core.api.ids import uuid, uuids
from customers.core.api.loaders import Loaders
from customers.core.api.protected import SOME_FIELD, ProtectedText
from customers.core.api.stubs import User
from customers.pool.api.customer import Customer
from customers.pool.api.tag import CustomersInfo
from customers.pool.commands import merge as commands
from customers.pool.commands.merge import Change, Merged, Preview
from customers.pool.domain.fields import FIELDS, field_called
from customers.pool.store import merge as store
from customers.pool.store.merge import MergeRow


@strawberry.federation.type(keys=["id"], description="Customers became one.")
class MergeEvent:
    id: strawberry.ID = strawberry.field(description="Give this to unmerge.")
    at: datetime = strawberry.field(description="When.")
    by: User | None = strawberry.field(description="Who did it.")
    absorbed_ids: list[strawberry.ID] = strawberry.field(
        description="The ids that lead to the survivor since."
    )
    undoable: bool = strawberry.field(description="Whether it can still be undone.")
    row: strawberry.Private[MergeRow]

    @strawberry.field(description="The customer that has everything now.")
    async def survivor(self, info: CustomersInfo) -> Customer | None:
        return await Customer.resolve_reference(info, strawberry.ID(str(self.row.survivor_id)))

    @classmethod
    async def resolve_reference(cls, info: CustomersInfo, id: strawberry.ID) -> MergeEvent | None:
        info.context.scope("Customer")
        found = await info.context.read(store.by_id, uuid(id, "id"))
        if found is None or await info.context.loaders.customers.load(found.survivor_id) is None:
            return None
        return cls.of(found)

    @classmethod
    def of(cls, row: MergeRow) -> MergeEvent:
        return cls(
            id=strawberry.ID(str(row.id)),
            at=row.at,
            by=User.of(row.actor_id),
            absorbed_ids=[strawberry.ID(str(id)) for id in row.absorbed],
            undoable=row.undone_at is None,
            row=row,
        )


@strawberry.type(description="One field of the survivor shows something else afterwards.")
class FieldChange:
    field: str = strawberry.field(description="The field.")
    before: ProtectedText = strawberry.field(
        description="What it shows now.", directives=[SOME_FIELD]
    )
    after: ProtectedText = strawberry.field(
        description="What it will show.", directives=[SOME_FIELD]
    )
    source: str | None = strawberry.field(
        description="The system whose claim wins then; null: nobody claims the field any more."
    )

    @classmethod
    def of(cls, change: Change, access: RowAccess, loaders: Loaders) -> FieldChange:
        coordinate = FIELDS[change.field].protected_by

        def shown(text: str | None) -> ProtectedText:
            if coordinate is None:
                return ProtectedText.of(Protected(text, Visibility.CLEAR))
            return ProtectedText.asked(loaders.redactor(coordinate), access, text)

        winner = change.election.winner if change.election else None
        return cls(
            field=FIELDS[change.field].graph_name,
            before=shown(change.before),
            after=shown(winner.value if winner else None),
            source=winner.system if winner else None,
        )


@strawberry.type(description="What a merge, or undoing one, does.")
class MergePreview:
    customer: Customer = strawberry.field(description="The survivor as it was before.")
    restored_ids: list[strawberry.ID] = strawberry.field(
        description="Undoing: the ids that are customers of their own again."
    )
    field_changes: list[FieldChange] = strawberry.field(
        description="Fields of the survivor that show something else, as far as you see them in clear "
        "on all of the customers: that two values differ tells of both."
    )
    relinked: int = strawberry.field(description="How many source records change their customer.")
    access_gained: list[User] = strawberry.field(
        description="Who sees something afterwards that they could not see before."
    )
    access_lost: list[User] = strawberry.field(
        description="Who no longer sees something that they could see before."
    )
    conflicts: list[UserError] = strawberry.field(description="What speaks against it.")

    @classmethod
    def of(cls, found: Preview, info: CustomersInfo) -> MergePreview:
        loaders = info.context.loaders
        return cls(
            customer=Customer.of(found.customer, loaders),
            restored_ids=[strawberry.ID(str(id)) for id in found.restored],
            field_changes=[
                FieldChange.of(change, found.customer.access, loaders)
                for change in found.changes
                if _may_compare(change.field, found.involved, loaders)
            ],
            relinked=found.relinked,
            access_gained=[user for id in found.access.gained if (user := User.of(id))],
            access_lost=[user for id in found.access.lost if (user := User.of(id))],
            conflicts=[
                user_error(one, info.context.locale)
                for one in found.conflicts
                if one.field is None or _may_compare(one.field, found.involved, loaders)
            ],
        )


def _may_compare(field: str, involved: Sequence[RowAccess], loaders: Loaders) -> bool:
    coordinate = field_called(field).protected_by
    return coordinate is None or all(loaders.clear(coordinate, access) for access in involved)


@strawberry.type(description="The merge, its preview, or why it was refused.")
class MergePayload:
    merge: MergeEvent | None = strawberry.field(
        default=None, description="The merge; null on the dry run of a new one."
    )
    preview: MergePreview | None = strawberry.field(
        default=None, description="What it does; null when it was refused or done before."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty: it was done."
    )


DryRun = Annotated[
    bool, strawberry.argument(description="true: only say what would happen and write nothing.")
]


@strawberry.type
class MergeMutation:
    @strawberry.mutation(
        description="Makes customers one. The absorbed ids lead to the survivor; owner, department "
        "and collaborators of the survivor stay as they are.",
        metadata=right("Customer", "merge"),
    )
    @answers(MergePayload)
    async def merge_customers(
        self,
        info: CustomersInfo,
        ids: Annotated[
            list[strawberry.ID],
            strawberry.argument(description="2 to 20 customers, the survivor among them."),
        ],
        survivor_id: Annotated[
            strawberry.ID, strawberry.argument(description="Whose id, owner and access stay.")
        ],
        dry_run: DryRun = True,
        expected_versions: Annotated[
            list[int] | None,
            strawberry.argument(description="The version of each of ids, in their order."),
        ] = None,
    ) -> MergePayload:
        ctx = info.context
        merged = await written(
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
        description="Undoes a merge: source records move back with everything they said since, and "
        "what people said to the old id moves with them.",
        metadata=right("Customer", "merge"),
    )
    @answers(MergePayload)
    async def unmerge(
        self,
        info: CustomersInfo,
        merge_id: Annotated[strawberry.ID, strawberry.argument(description="The merge's id.")],
        dry_run: DryRun = True,
    ) -> MergePayload:
        ctx = info.context
        undone = await written(
            ctx,
            commands.unmerge,
            ctx.scope("Customer", "merge"),
            commands.viewers(ctx.guard, ctx.permissions.version),
            uuid(merge_id, "mergeId"),
            dry_run=dry_run,
        )
        return _payload(info, undone)


def _payload(info: CustomersInfo, merged: Merged) -> MergePayload:
    info.context.loaders.customers.clear_all()
    return MergePayload(
        merge=MergeEvent.of(merged.merge) if merged.merge else None,
        preview=MergePreview.of(merged.preview, info),
    )
