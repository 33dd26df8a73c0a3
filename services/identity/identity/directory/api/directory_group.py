"""GraphQL API of directory groups: list them and tie roles to them."""

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
from identity.directory.commands import directory_group as commands
from identity.directory.store import directory_group as store
from identity.directory.store.directory_group import GroupRow
from identity.people.api.role import Role, roles_named


@strawberry.type(
    description="A group that a directory maintains by SCIM. The directory decides its members; "
    "the roles tied to it decide what they may do."
)
class DirectoryGroup:
    """A group of the directory."""

    id: strawberry.ID = strawberry.field(description="The group's id.")
    display_name: str = strawberry.field(description="The name of the group in the directory.")
    external_id: str | None = strawberry.field(description="The id of the group in the directory.")
    member_count: int = strawberry.field(description="How many users are in the group.")
    version: int = strawberry.field(
        description="The version of the group, which grows with every change; pass it as "
        "`expectedVersion`."
    )
    role_names: strawberry.Private[tuple[str, ...]] = ()

    @strawberry.field(
        description="The roles that the group confers on its members.", metadata=right("Role")
    )
    async def roles(self, info: Info) -> list[Role]:
        """Return the roles tied to the group."""
        return await roles_named(info, self.role_names)

    @classmethod
    def of(cls, row: GroupRow) -> DirectoryGroup:
        """Build the GraphQL type from a row."""
        return cls(
            id=strawberry.ID(str(row.id)),
            display_name=row.display_name,
            external_id=row.external_id,
            member_count=row.size,
            version=row.version,
            role_names=row.roles,
        )


@strawberry.type(description="The group after the change, or the errors.")
class DirectoryGroupPayload:
    """The result of `tieDirectoryGroup`."""

    group: DirectoryGroup | None = strawberry.field(default=None, description="The group.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="NOT_FOUND, CONFLICT, BAD_INPUT, FORBIDDEN."
    )


@strawberry.type
class DirectoryGroupQuery:
    """Queries of directory groups."""

    @strawberry.field(
        description="The groups of the directory, by name.", metadata=right("DirectoryGroup")
    )
    async def directory_groups(
        self, info: Info, first: First = DEFAULT_FIRST, after: After = None
    ) -> Connection[DirectoryGroup]:
        """Return a page of groups."""
        ctx = info.context
        page = await ctx.read(store.list_groups, ctx.scope("DirectoryGroup"), Window(first, after))
        return connect(page, DirectoryGroup.of)  # type: ignore[no-any-return]  # connect returns Any


@strawberry.type
class DirectoryGroupMutation:
    """Mutations of directory groups."""

    @strawberry.mutation(
        description="Set the roles that a group confers on its members. From then on the "
        "directory decides which users have them. Also requires the right to update Role.",
        metadata=right("DirectoryGroup", "update"),
    )
    @answers(DirectoryGroupPayload)
    async def tie_directory_group(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The group's id.")],
        roles: Annotated[
            list[str],
            strawberry.argument(
                description="The names of the roles; empty: the group confers none."
            ),
        ],
        expected_version: ExpectedVersion = None,
    ) -> DirectoryGroupPayload:
        """Set the roles of a group."""
        ctx, scope = info.context, info.context.scope("DirectoryGroup", "update")
        group_id = DirectoryGroupId(uuid(id, "id"))
        await ctx.write(commands.tie_roles, scope, group_id, tuple(roles), expected_version)
        row = await ctx.read(store.by_id, scope, group_id)
        return DirectoryGroupPayload(group=DirectoryGroup.of(row) if row else None)
