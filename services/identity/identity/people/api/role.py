"""Roles, to which rules grant rights: type, query and mutations."""

from __future__ import annotations

from typing import Annotated

import strawberry

from chassis.api.context import Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from identity.core.api.arguments import ExpectedVersion, IdempotencyKey
from identity.core.api.ids import uuid
from identity.core.domain.ids import RoleId
from identity.people.api.loaders import PeopleLoaders
from identity.people.commands import role as commands
from identity.people.store import role as store
from identity.people.store.role import RoleRow

Inherits = Annotated[
    list[str], strawberry.argument(description="Names of roles to inherit rights from.")
]


@strawberry.type(description="A role: rules grant rights to it, and users have it.")
class Role:
    """A role: rules grant rights to it, and users have it."""

    id: strawberry.ID = strawberry.field(description="The role's id.")
    name: str = strawberry.field(
        description="The name that rules use, after `role:`.", metadata=right("Role")
    )
    description: str = strawberry.field(description="What the role is for.", metadata=right("Role"))
    version: int = strawberry.field(
        description="The version, which grows with every change; send it as `expectedVersion`."
    )
    inherited: strawberry.Private[tuple[str, ...]] = ()

    @strawberry.field(description="The roles it inherits rights from.", metadata=right("Role"))
    async def inherits(self, info: Info) -> list[Role]:
        """Return the roles it inherits rights from."""
        return await roles_named(info, self.inherited)

    @classmethod
    def of(cls, row: RoleRow) -> Role:
        """Convert a row to the GraphQL type."""
        return cls(
            id=strawberry.ID(str(row.id)),
            name=row.name,
            description=row.description,
            version=row.version,
            inherited=row.inherits,
        )


async def roles_named(info: Info, names: tuple[str, ...]) -> list[Role]:
    """Return the roles of these names; all roles of a request are one query."""
    rows = await info.context.loaders_of(PeopleLoaders).role.load_many(list(names))
    return [Role.of(row) for row in rows if row is not None]


@strawberry.type(description="The role after the change, or the errors that prevented it.")
class RolePayload:
    """The role after the change, or the errors that prevented it."""

    role: Role | None = strawberry.field(default=None, description="The role as it is now.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was changed; empty after success."
    )


@strawberry.type
class RoleQuery:
    """Queries of roles."""

    @strawberry.field(description="All roles, sorted by name.", metadata=right("Role"))
    async def roles(
        self, info: Info, first: First = DEFAULT_FIRST, after: After = None
    ) -> Connection[Role]:
        """Return all roles, sorted by name."""
        ctx = info.context
        rows = await ctx.read(store.listed, ctx.scope("Role"), Window(first, after))
        return connect(rows, Role.of)  # type: ignore[no-any-return]  # connect returns Any


@strawberry.type
class RoleMutation:
    """Mutations of roles."""

    @strawberry.mutation(description="Create a role.", metadata=right("Role", "update"))
    @answers(RolePayload)
    async def create_role(
        self,
        info: Info,
        name: Annotated[
            str, strawberry.argument(description="2 to 50 characters of a-z, 0-9 and _.")
        ],
        description: Annotated[
            str, strawberry.argument(description="What the role is for, at most 500 characters.")
        ] = "",
        inherits: Inherits = [],  # noqa: B006 — GraphQL defaults are never changed
        idempotency_key: IdempotencyKey = None,
    ) -> RolePayload:
        """Create a role."""
        scope = info.context.scope("Role", "update")
        id = await info.context.write(
            commands.create_role, scope, name, description, inherits, idempotency_key
        )
        return await _answer(info, id)

    @strawberry.mutation(
        description="Change the description of a role or the roles it inherits from.",
        metadata=right("Role", "update"),
    )
    @answers(RolePayload)
    async def update_role(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The role's id.")],
        description: Annotated[
            str | None, strawberry.argument(description="What the role is for; left out, it stays.")
        ] = None,
        inherits: Annotated[
            list[str] | None,
            strawberry.argument(
                description="Names of all roles it inherits from; left out, they stay."
            ),
        ] = None,
        expected_version: ExpectedVersion = None,
    ) -> RolePayload:
        """Change the description of a role or the roles it inherits from."""
        role_id = RoleId(uuid(id, "id"))
        await info.context.write(
            commands.update_role,
            info.context.scope("Role", "update"),
            role_id,
            description=description,
            inherits=inherits,
            expected=expected_version,
        )
        return await _answer(info, role_id)


async def _answer(info: Info, id: RoleId) -> RolePayload:
    rows = await info.context.read(store.everyone, info.context.scope("Role"))
    return RolePayload(role=next((Role.of(row) for row in rows if row.id == id), None))
