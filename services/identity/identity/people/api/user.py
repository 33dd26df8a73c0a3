"""Queries of users, and the mutation that changes them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from chassis.api.context import Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from chassis.errors import Unauthenticated
from identity.core.api.arguments import ExpectedVersion
from identity.core.api.ids import maybe_uuid, uuid
from identity.core.domain.ids import DepartmentId, UserId
from identity.core.domain.moment import zoned
from identity.core.domain.text import optional
from identity.people.api.loaders import PeopleLoaders
from identity.people.api.types import User, user_of
from identity.people.commands import user as commands
from identity.people.commands.user import UNSET, Change, Unset
from identity.people.domain.user import Kind, Status
from identity.people.store import user as store

UserIdArgument = Annotated[strawberry.ID, strawberry.argument(description="The user's id.")]


@strawberry.input(description="Filter of users; a field that is left out sets no condition.")
class UserFilter:
    """Conditions that all must hold."""

    department_id: strawberry.ID | None = strawberry.field(
        default=None, description="Filter by department."
    )
    below: bool = strawberry.field(
        default=False, description="true: with departmentId, users of the departments below it too."
    )
    role: str | None = strawberry.field(
        default=None, description="Filter by a role given directly, by its name."
    )
    status: Status | None = strawberry.field(default=None, description="Filter by status.")
    kind: Kind | None = strawberry.field(default=None, description="Filter by kind.")
    access_ends_before: datetime | None = strawberry.field(
        default=None, description="Filter by access that ends, or ended, before this moment."
    )
    search: str | None = strawberry.field(
        default=None, description="Filter by a part of the display name, or by the whole user name."
    )

    def conditions(self) -> store.Filter:
        """Return the filter with checked values. Raises `BadInput`."""
        department = maybe_uuid(self.department_id, "filter.departmentId")
        return store.Filter(
            department=DepartmentId(department) if department else None,
            below=self.below,
            role=optional(self.role, field="filter.role", longest=100) or None,
            status=self.status,
            kind=self.kind,
            access_ends_before=zoned(self.access_ends_before) if self.access_ends_before else None,
            search=optional(self.search, field="filter.search", longest=100) or None,
        )


@strawberry.input(description="Changes of a user; a field that is left out stays.")
class UpdateUserInput:
    """Changes of a user; a field that is left out stays."""

    display_name: str | None = strawberry.field(
        default=None, description="The name colleagues read, at most 100 characters."
    )
    department_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="The department the user works in; null: none."
    )
    roles: list[str] | None = strawberry.field(
        default=None,
        description="Names of all roles of the user; needs the right to update Role.",
    )

    access_until: datetime | None = strawberry.field(
        default=strawberry.UNSET,
        description="When the access ends by itself, also to extend it; null: it does not end, "
        "which is refused for EXTERNAL users.",
    )

    def change(self) -> Change:
        """Return the changes with checked ids. Raises `BadInput`."""
        department: DepartmentId | Unset | None = UNSET
        if self.department_id is not strawberry.UNSET:
            id = maybe_uuid(self.department_id, "departmentId")
            department = DepartmentId(id) if id else None
        return Change(
            display_name=self.display_name,
            department=department,
            roles=tuple(self.roles) if self.roles is not None else None,
            access_until=self._until(),
        )

    def _until(self) -> datetime | Unset | None:
        if self.access_until is strawberry.UNSET:
            return UNSET
        return zoned(self.access_until) if self.access_until else None


@strawberry.type(description="The user after the change, or the errors that prevented it.")
class UserPayload:
    """The user after the change, or the errors that prevented it."""

    user: User | None = strawberry.field(default=None, description="The user as they are now.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was changed; empty after success."
    )


@strawberry.type
class UserQuery:
    """Queries of users."""

    @strawberry.field(description="The user who is signed in.", metadata=right("User"))
    async def viewer(self, info: Info) -> User:
        """Return the user who is signed in."""
        viewer = await user_of(info, UserId(info.context.actor.user_id))
        if viewer is None:
            raise Unauthenticated(
                "The user of this token does not exist any more; sign in again.",
                "该登录凭证对应的用户已不存在，请重新登录。",
            )
        return viewer

    @strawberry.field(description="One user.", metadata=right("User"))
    async def user(self, info: Info, id: UserIdArgument) -> User | None:
        """Return one user."""
        return await user_of(info, UserId(uuid(id, "id")))

    @strawberry.field(description="Users, sorted by display name.", metadata=right("User"))
    async def users(
        self,
        info: Info,
        filter: Annotated[
            UserFilter | None, strawberry.argument(description="Filter; null: all.")
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[User]:
        """Return users, sorted by display name."""
        conditions = filter.conditions() if filter else store.Filter()
        scope = info.context.scope("User")
        rows = await info.context.read(store.listed, scope, conditions, Window(first, after))
        return connect(rows, User.of)  # type: ignore[no-any-return]  # connect returns Any


@strawberry.type
class UserMutation:
    """Mutations of users."""

    @strawberry.mutation(
        description="Change name, department, roles or end of access of a user.",
        metadata=right("User", "update"),
    )
    @answers(UserPayload)
    async def update_user(
        self,
        info: Info,
        id: UserIdArgument,
        input: Annotated[UpdateUserInput, strawberry.argument(description="The changes.")],
        expected_version: ExpectedVersion = None,
    ) -> UserPayload:
        """Change name, department, roles or end of access of a user."""
        changed_id = await info.context.write(
            commands.update_user,
            info.context.scope("User", "update"),
            UserId(uuid(id, "id")),
            input.change(),
            expected_version,
        )
        return await answer_with(info, changed_id)


async def answer_with(info: Info, id: UserId) -> UserPayload:
    """Return the payload of a mutation with the user as they are after it."""
    info.context.loaders_of(
        PeopleLoaders
        # A mutation before this one in the same request may have loaded it.
    ).user.clear_all()
    return UserPayload(user=await user_of(info, id))
