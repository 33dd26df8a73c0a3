"""The GraphQL types of users and departments, which point at each other."""

from __future__ import annotations

from datetime import datetime

import strawberry

from chassis.api.context import Info
from chassis.api.rights import right
from identity.core.api.ids import uuid
from identity.core.domain.ids import DepartmentId, UserId
from identity.people.api.loaders import PeopleLoaders
from identity.people.api.role import Role, roles_named
from identity.people.domain.user import Kind, Status
from identity.people.store.department import DepartmentRow
from identity.people.store.user import UserRow

strawberry.enum(
    Status,
    name="UserStatus",
    description="ACTIVE: may sign in. SUSPENDED: has no right and no session.",
)
strawberry.enum(
    Kind,
    name="UserKind",
    description="PERSON, SERVICE: a part of the system that signs in, or EXTERNAL: somebody from "
    "outside, whose access always has an end.",
)


@strawberry.federation.type(keys=["id"], description="Somebody who works here.")
class User:
    id: strawberry.ID = strawberry.field(description="The user's id.")
    display_name: str = strawberry.field(
        description="The name colleagues read.", metadata=right("User")
    )
    status: Status = strawberry.field(
        description="Whether they may work here now.", metadata=right("User")
    )
    kind: Kind = strawberry.field(
        description="A person or a part of the system.", metadata=right("User")
    )
    access_until: datetime | None = strawberry.field(
        description="When their access ends by itself: from that moment every session, key and row "
        "is refused. null: it has no end.",
        metadata=right("User"),
    )
    username: str = strawberry.field(
        description="What they sign in with; for those who change users.",
        metadata=right("User", "update"),
    )
    version: int = strawberry.field(
        description="Grows with every change; give it back on writes.",
        metadata=right("User", "update"),
    )
    department_id: strawberry.Private[DepartmentId | None] = None
    role_names: strawberry.Private[tuple[str, ...]] = ()

    @strawberry.field(description="Where they work.", metadata=right("Department"))
    async def department(self, info: Info) -> Department | None:
        return await department_of(info, self.department_id)

    @strawberry.field(
        description="The roles given to them, without inherited ones and those of directory groups.",
        metadata=right("Role"),
    )
    async def roles(self, info: Info) -> list[Role]:
        return await roles_named(info, self.role_names)

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> User | None:
        return await user_of(info, UserId(uuid(id, "id")))

    @classmethod
    def of(cls, row: UserRow) -> User:
        return cls(
            id=strawberry.ID(str(row.id)),
            display_name=row.display_name,
            status=row.status,
            kind=row.kind,
            access_until=row.access_until,
            username=row.username,
            version=row.version,
            department_id=row.department,
            role_names=row.roles,
        )


@strawberry.federation.type(keys=["id"], description="A part of the enterprise.")
class Department:
    id: strawberry.ID = strawberry.field(description="The department's id.")
    name: str = strawberry.field(description="Its name.", metadata=right("Department"))
    version: int = strawberry.field(
        description="Grows with every change; give it back on writes.",
        metadata=right("Department"),
    )
    parent_id: strawberry.Private[DepartmentId | None] = None
    headed_by: strawberry.Private[UserId | None] = None

    @strawberry.field(
        description="The department it lies below; null at the top.", metadata=right("Department")
    )
    async def parent(self, info: Info) -> Department | None:
        return await department_of(info, self.parent_id)

    @strawberry.field(
        description="The way from the top down to this department, itself included.",
        metadata=right("Department"),
    )
    async def path(self, info: Info) -> list[Department]:
        found = await info.context.loaders_of(PeopleLoaders).path.load(
            DepartmentId(uuid(self.id, "id"))
        )
        return [Department.of(one) for one in found]

    @strawberry.field(
        description="Who heads it: customers and tasks of people who leave can be handed to them.",
        metadata=right("User"),
    )
    async def head(self, info: Info) -> User | None:
        return await user_of(info, self.headed_by)

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> Department | None:
        return await department_of(info, DepartmentId(uuid(id, "id")))

    @classmethod
    def of(cls, row: DepartmentRow) -> Department:
        return cls(
            id=strawberry.ID(str(row.id)),
            name=row.name,
            version=row.version,
            parent_id=row.parent,
            headed_by=row.head,
        )


async def user_of(info: Info, id: UserId | None) -> User | None:
    """The user of this id as their reader may see them."""
    found = await info.context.loaders_of(PeopleLoaders).user.load(id) if id else None
    return User.of(found) if found else None


async def department_of(info: Info, id: DepartmentId | None) -> Department | None:
    """The department of this id as its reader may see it."""
    found = await info.context.loaders_of(PeopleLoaders).department.load(id) if id else None
    return Department.of(found) if found else None
