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
    description="PERSON: an employee. SERVICE: a part of the system that signs in. EXTERNAL: a "
    "person from outside, whose access always has an end.",
)


@strawberry.federation.type(
    keys=["id"], description="A user: an employee, a service or an external person."
)
class User:
    """A user: an employee, a service or an external person."""

    id: strawberry.ID = strawberry.field(description="The user's id.")
    display_name: str = strawberry.field(
        description="The name that colleagues read.", metadata=right("User")
    )
    status: Status = strawberry.field(
        description="Whether the user may work here now.", metadata=right("User")
    )
    kind: Kind = strawberry.field(
        description="Whether it is a person, a service or an external user.", metadata=right("User")
    )
    access_until: datetime | None = strawberry.field(
        description="When the access ends by itself: from that moment every session, key and row "
        "is refused. null: it has no end.",
        metadata=right("User"),
    )
    username: str = strawberry.field(
        description="The name the user signs in with; for callers who may change users.",
        metadata=right("User", "update"),
    )
    version: int = strawberry.field(
        description="The version, which grows with every change; send it as `expectedVersion`.",
        metadata=right("User", "update"),
    )
    department_id: strawberry.Private[DepartmentId | None] = None
    role_names: strawberry.Private[tuple[str, ...]] = ()

    @strawberry.field(description="The department the user works in.", metadata=right("Department"))
    async def department(self, info: Info) -> Department | None:
        """Return the department the user works in."""
        return await department_of(info, self.department_id)

    @strawberry.field(
        description="The roles given directly, without inherited ones and those of directory "
        "groups.",
        metadata=right("Role"),
    )
    async def roles(self, info: Info) -> list[Role]:
        """Return the roles given directly, without inherited ones and those of directory groups."""
        return await roles_named(info, self.role_names)

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> User | None:
        """Resolve a federation reference by its key."""
        return await user_of(info, UserId(uuid(id, "id")))

    @classmethod
    def of(cls, row: UserRow) -> User:
        """Convert a row to the GraphQL type."""
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


@strawberry.federation.type(keys=["id"], description="A department of the enterprise.")
class Department:
    """A department of the enterprise."""

    id: strawberry.ID = strawberry.field(description="The department's id.")
    name: str = strawberry.field(description="The department's name.", metadata=right("Department"))
    version: int = strawberry.field(
        description="The version, which grows with every change; send it as `expectedVersion`.",
        metadata=right("Department"),
    )
    parent_id: strawberry.Private[DepartmentId | None] = None
    headed_by: strawberry.Private[UserId | None] = None

    @strawberry.field(
        description="The department above it; null at the top.", metadata=right("Department")
    )
    async def parent(self, info: Info) -> Department | None:
        """Return the department above it; null at the top."""
        return await department_of(info, self.parent_id)

    @strawberry.field(
        description="The path from the top down to this department, itself included.",
        metadata=right("Department"),
    )
    async def path(self, info: Info) -> list[Department]:
        """Return the path from the top down to this department, itself included."""
        rows = await info.context.loaders_of(PeopleLoaders).path.load(
            DepartmentId(uuid(self.id, "id"))
        )
        return [Department.of(row) for row in rows]

    @strawberry.field(
        description="The head of the department, to whom customers and tasks of people who leave "
        "can be handed over.",
        metadata=right("User"),
    )
    async def head(self, info: Info) -> User | None:
        """Return the head of the department as far as the caller may see them."""
        return await user_of(info, self.headed_by)

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> Department | None:
        """Resolve a federation reference by its key."""
        return await department_of(info, DepartmentId(uuid(id, "id")))

    @classmethod
    def of(cls, row: DepartmentRow) -> Department:
        """Convert a row to the GraphQL type."""
        return cls(
            id=strawberry.ID(str(row.id)),
            name=row.name,
            version=row.version,
            parent_id=row.parent,
            headed_by=row.head,
        )


async def user_of(info: Info, id: UserId | None) -> User | None:
    """Return the user of this id as far as the caller may see them."""
    row = await info.context.loaders_of(PeopleLoaders).user.load(id) if id else None
    return User.of(row) if row else None


async def department_of(info: Info, id: DepartmentId | None) -> Department | None:
    """Return the department of this id as far as the caller may see it."""
    row = await info.context.loaders_of(PeopleLoaders).department.load(id) if id else None
    return Department.of(row) if row else None
