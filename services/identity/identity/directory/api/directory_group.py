"""Groups of a directory, for those who say what a group may do."""

from __future__ import annotations

from typing import Annotated

import strawberry

from chassis.api.context import Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from identity.core.api.arguments import ExpectedVersion
from identity.core.api.ids import uuid
from identity.core.domain.ids import DirectoryGroupId
from identity.directory.commands import directory as commands
from identity.directory.store import directory as store
from identity.directory.store.directory import GroupRow
from identity.people.api.role import Role, roles_named


@strawberry.type(
    description="A group that a directory keeps by SCIM. Who is in it is the directory's to say; "
    "what its members may do is said by the roles tied to it."
)
class DirectoryGroup:
    id: strawberry.ID = strawberry.field(description="The group's id.")
    display_name: str = strawberry.field(description="What the directory calls it.")
    external_id: str | None = strawberry.field(description="Its id in the directory.")
    member_count: int = strawberry.field(description="How many people are in it.")
    version: int = strawberry.field(description="Grows with every change; give it back on writes.")
    role_names: strawberry.Private[tuple[str, ...]] = ()

    @strawberry.field(
        description="The roles its members have by being in it.", metadata=right("Role")
    )
    async def roles(self, info: Info) -> list[Role]:
        return await roles_named(info, self.role_names)

    @classmethod
    def of(cls, row: GroupRow) -> DirectoryGroup:
        return cls(
            id=strawberry.ID(str(row.id)),
            display_name=row.display_name,
            external_id=row.external_id,
            member_count=row.size,
            version=row.version,
            role_names=row.roles,
        )


@strawberry.type(description="The group as it is now, or why nothing changed.")
class DirectoryGroupPayload:
    group: DirectoryGroup | None = strawberry.field(default=None, description="The group.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="NOT_FOUND, CONFLICT, BAD_INPUT, FORBIDDEN."
    )


@strawberry.type
class DirectoryGroupQuery:
    @strawberry.field(
        description="Groups of the directory by name.", metadata=right("DirectoryGroup")
    )
    async def directory_groups(
        self, info: Info, first: First = DEFAULT_FIRST, after: After = None
    ) -> Connection[DirectoryGroup]:
        ctx = info.context
        found = await ctx.read(store.listed, ctx.scope("DirectoryGroup"), Window(first, after))
        return connect(found, DirectoryGroup.of)  # type: ignore[no-any-return]  # the one asked for


@strawberry.type
class DirectoryGroupMutation:
    @strawberry.mutation(
        description="Let everybody whom the directory puts into a group have exactly these roles. "
        "From then on the directory decides who has them. Needs the right to update Role.",
        metadata=right("DirectoryGroup", "update"),
    )
    @answers(DirectoryGroupPayload)
    async def tie_directory_group(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The group's id.")],
        roles: Annotated[
            list[str], strawberry.argument(description="Names of roles; empty: none any more.")
        ],
        expected_version: ExpectedVersion = None,
    ) -> DirectoryGroupPayload:
        ctx, scope = info.context, info.context.scope("DirectoryGroup", "update")
        group = DirectoryGroupId(uuid(id, "id"))
        await ctx.write(commands.tie_roles, scope, group, tuple(roles), expected_version)
        found = await ctx.read(store.group, scope, group)
        return DirectoryGroupPayload(group=DirectoryGroup.of(found) if found else None)
