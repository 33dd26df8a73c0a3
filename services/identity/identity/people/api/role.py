"""Roles: names that rules grant rights to."""

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
    list[str], strawberry.argument(description="Names of roles whose rights it has too.")
]


@strawberry.type(description="A name that rules grant rights to and users have.")
class Role:
    id: strawberry.ID = strawberry.field(description="The role's id.")
    name: str = strawberry.field(
        description="What rules call it by, after `role:`.", metadata=right("Role")
    )
    description: str = strawberry.field(description="What it is for.", metadata=right("Role"))
    version: int = strawberry.field(description="Grows with every change; give it back on writes.")
    inherited: strawberry.Private[tuple[str, ...]] = ()

    @strawberry.field(description="Roles whose rights it has too.", metadata=right("Role"))
    async def inherits(self, info: Info) -> list[Role]:
        return await roles_named(info, self.inherited)

    @classmethod
    def of(cls, row: RoleRow) -> Role:
        return cls(
            id=strawberry.ID(str(row.id)),
            name=row.name,
            description=row.description,
            version=row.version,
            inherited=row.inherits,
        )


async def roles_named(info: Info, names: tuple[str, ...]) -> list[Role]:
    """The roles of these names; all roles of a request are one query."""
    found = await info.context.loaders_of(PeopleLoaders).role.load_many(list(names))
    return [Role.of(one) for one in found if one is not None]


@strawberry.type(description="The role after the change, or why there was none.")
class RolePayload:
    role: Role | None = strawberry.field(default=None, description="The role as it is now.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty if it was."
    )


@strawberry.type
class RoleQuery:
    @strawberry.field(description="All roles by name.", metadata=right("Role"))
    async def roles(
        self, info: Info, first: First = DEFAULT_FIRST, after: After = None
    ) -> Connection[Role]:
        ctx = info.context
        found = await ctx.read(store.listed, ctx.scope("Role"), Window(first, after))
        return connect(found, Role.of)  # type: ignore[no-any-return]  # the connection asked for


@strawberry.type
class RoleMutation:
    @strawberry.mutation(description="Add a role.", metadata=right("Role", "update"))
    @answers(RolePayload)
    async def create_role(
        self,
        info: Info,
        name: Annotated[
            str, strawberry.argument(description="2 to 50 characters of a-z, 0-9 and _.")
        ],
        description: Annotated[
            str, strawberry.argument(description="What it is for, at most 500 characters.")
        ] = "",
        inherits: Inherits = [],  # noqa: B006 — GraphQL defaults are never changed
        idempotency_key: IdempotencyKey = None,
    ) -> RolePayload:
        scope = info.context.scope("Role", "update")
        id = await info.context.write(
            commands.create_role, scope, name, description, inherits, idempotency_key
        )
        return await _answer(info, id)

    @strawberry.mutation(
        description="Describe a role otherwise, or let it inherit from others.",
        metadata=right("Role", "update"),
    )
    @answers(RolePayload)
    async def update_role(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The role's id.")],
        description: Annotated[
            str | None, strawberry.argument(description="What it is for; left out, it stays.")
        ] = None,
        inherits: Annotated[
            list[str] | None,
            strawberry.argument(description="Names of all roles it inherits; left out, they stay."),
        ] = None,
        expected_version: ExpectedVersion = None,
    ) -> RolePayload:
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
    found = await info.context.read(store.everyone, info.context.scope("Role"))
    return RolePayload(role=next((Role.of(one) for one in found if one.id == id), None))
