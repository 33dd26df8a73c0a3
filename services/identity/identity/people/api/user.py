"""Users: who works here, in which department, in which roles."""

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


@strawberry.input(description="Which users a list is about; what is left out does not matter.")
class UserFilter:
    department_id: strawberry.ID | None = strawberry.field(
        default=None, description="Only those of this department."
    )
    below: bool = strawberry.field(
        default=False, description="With departmentId: those of departments below it too."
    )
    role: str | None = strawberry.field(
        default=None, description="Only those who have this role themselves, by its name."
    )
    status: Status | None = strawberry.field(default=None, description="Only those in this state.")
    kind: Kind | None = strawberry.field(default=None, description="Only people, or only services.")
    access_ends_before: datetime | None = strawberry.field(
        default=None, description="Only those whose access ends, or ended, before this moment."
    )
    search: str | None = strawberry.field(
        default=None, description="Part of the display name, or the whole user name."
    )

    def wanted(self) -> store.Filter:
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


@strawberry.input(description="What is to become of a user; what is left out stays.")
class UpdateUserInput:
    display_name: str | None = strawberry.field(
        default=None, description="The name colleagues read, at most 100 characters."
    )
    department_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Where they work; null: nowhere."
    )
    roles: list[str] | None = strawberry.field(
        default=None,
        description="Names of all their roles; needs the right to update Role.",
    )

    access_until: datetime | None = strawberry.field(
        default=strawberry.UNSET,
        description="When their access ends by itself, also to extend it; null: it does not, which "
        "EXTERNAL users cannot have.",
    )

    def wanted(self) -> Change:
        department: DepartmentId | Unset | None = UNSET
        if self.department_id is not strawberry.UNSET:
            found = maybe_uuid(self.department_id, "departmentId")
            department = DepartmentId(found) if found else None
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


@strawberry.type(description="The user after the change, or why there was none.")
class UserPayload:
    user: User | None = strawberry.field(default=None, description="The user as they are now.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty if it was."
    )


@strawberry.type
class UserQuery:
    @strawberry.field(description="Who is signed in.", metadata=right("User"))
    async def viewer(self, info: Info) -> User:
        found = await user_of(info, UserId(info.context.actor.user_id))
        if found is None:
            raise Unauthenticated(
                "The user of this token does not exist any more; sign in again.",
                "该登录凭证对应的用户已不存在，请重新登录。",
            )
        return found

    @strawberry.field(description="One user.", metadata=right("User"))
    async def user(self, info: Info, id: UserIdArgument) -> User | None:
        return await user_of(info, UserId(uuid(id, "id")))

    @strawberry.field(description="Users by their names.", metadata=right("User"))
    async def users(
        self,
        info: Info,
        filter: Annotated[
            UserFilter | None, strawberry.argument(description="Which users; null: all.")
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[User]:
        wanted = filter.wanted() if filter else store.Filter()
        scope = info.context.scope("User")
        found = await info.context.read(store.listed, scope, wanted, Window(first, after))
        return connect(found, User.of)  # type: ignore[no-any-return]  # the connection asked for


@strawberry.type
class UserMutation:
    @strawberry.mutation(
        description="Give a user another name, department or other roles.",
        metadata=right("User", "update"),
    )
    @answers(UserPayload)
    async def update_user(
        self,
        info: Info,
        id: UserIdArgument,
        input: Annotated[UpdateUserInput, strawberry.argument(description="What changes.")],
        expected_version: ExpectedVersion = None,
    ) -> UserPayload:
        found = await info.context.write(
            commands.update_user,
            info.context.scope("User", "update"),
            UserId(uuid(id, "id")),
            input.wanted(),
            expected_version,
        )
        return await answer_with(info, found)


async def answer_with(info: Info, id: UserId) -> UserPayload:
    info.context.loaders_of(
        PeopleLoaders
    ).user.clear_all()  # a mutation before this one may have looked already
    return UserPayload(user=await user_of(info, id))
