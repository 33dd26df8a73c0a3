"""Users: who works here, in which department, in which roles."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

import strawberry
from sqlalchemy.orm import Session

from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from chassis.errors import Unauthenticated
from chassis.policy.scope import Scope
from identity.core.api.arguments import ExpectedVersion, IdempotencyKey
from identity.core.api.ids import maybe_uuid, uuid
from identity.core.api.loaders import IdentityInfo
from identity.core.domain.ids import DepartmentId, UserId
from identity.core.domain.moment import zoned
from identity.core.domain.text import optional
from identity.people.api.department import Department, department_of
from identity.people.commands import user as commands
from identity.people.commands.user import UNSET, Change, Draft, Unset
from identity.people.domain.user import Kind, Status
from identity.people.store import user as store
from identity.people.store.user import UserRow
from identity.policy.api.role import Role, roles_named

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
UserIdArgument = Annotated[strawberry.ID, strawberry.argument(description="The user's id.")]


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
    async def department(self, info: IdentityInfo) -> Department | None:
        return await department_of(info, self.department_id)

    @strawberry.field(
        description="The roles given to them, without inherited ones and those of directory groups.",
        metadata=right("Role"),
    )
    async def roles(self, info: IdentityInfo) -> list[Role]:
        return await roles_named(info, self.role_names)

    @classmethod
    async def resolve_reference(cls, info: IdentityInfo, id: strawberry.ID) -> User | None:
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


async def user_of(info: IdentityInfo, id: UserId | None) -> User | None:
    """The user of this id as their reader may see them."""
    found = await info.context.loaders.user.load(id) if id else None
    return User.of(found) if found else None


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


@strawberry.input(description="A user to be.")
class CreateUserInput:
    username: str = strawberry.field(
        description="What they sign in with: 2 to 64 of a-z, 0-9 and . _ @ -."
    )
    display_name: str = strawberry.field(
        description="The name colleagues read, at most 100 characters."
    )
    department_id: strawberry.ID | None = strawberry.field(
        default=None, description="Where they work."
    )
    roles: list[str] = strawberry.field(
        default_factory=list,
        description="Names of their roles; needs the right to update Role.",
    )
    kind: Kind = strawberry.field(
        default=Kind.PERSON, description="A person, a service, or somebody from outside."
    )
    access_until: datetime | None = strawberry.field(
        default=None,
        description="When their access ends by itself; for EXTERNAL required, at most 366 days away.",
    )
    password: str | None = strawberry.field(
        default=None,
        description="Their first password, 10 to 200 characters; without one they cannot sign in.",
    )
    must_change_password: bool | None = strawberry.field(
        default=None,
        description="Whether they have to change it when they sign in first. Left out: people do, "
        "unless the settings say otherwise.",
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
    async def viewer(self, info: IdentityInfo) -> User:
        found = await user_of(info, UserId(info.context.actor.user_id))
        if found is None:
            raise Unauthenticated(
                "The user of this token does not exist any more; sign in again.",
                "该登录凭证对应的用户已不存在，请重新登录。",
            )
        return found

    @strawberry.field(description="One user.", metadata=right("User"))
    async def user(self, info: IdentityInfo, id: UserIdArgument) -> User | None:
        return await user_of(info, UserId(uuid(id, "id")))

    @strawberry.field(description="Users by their names.", metadata=right("User"))
    async def users(
        self,
        info: IdentityInfo,
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
        description="Add somebody who may sign in.", metadata=right("User", "create")
    )
    @answers(UserPayload)
    async def create_user(
        self,
        info: IdentityInfo,
        input: Annotated[CreateUserInput, strawberry.argument(description="The user to be.")],
        idempotency_key: IdempotencyKey = None,
    ) -> UserPayload:
        department = maybe_uuid(input.department_id, "departmentId")
        draft = Draft(
            username=input.username,
            display_name=input.display_name,
            department=DepartmentId(department) if department else None,
            roles=tuple(input.roles),
            kind=input.kind,
            access_until=zoned(input.access_until) if input.access_until else None,
            password_hash=await _hashed(info, input.password, input.username, input.display_name),
            must_change_password=input.password is not None
            and _must_change(info, input.must_change_password, input.kind),
        )
        scope = info.context.scope("User", "create")
        return await _answer(
            info, await info.context.write(commands.create_user, scope, draft, idempotency_key)
        )

    @strawberry.mutation(
        description="Give a user another name, department or other roles.",
        metadata=right("User", "update"),
    )
    @answers(UserPayload)
    async def update_user(
        self,
        info: IdentityInfo,
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
        return await _answer(info, found)

    @strawberry.mutation(
        description="Shut somebody out: no right within one second, and all sessions end.",
        metadata=right("User", "update"),
    )
    @answers(UserPayload)
    async def suspend_user(
        self, info: IdentityInfo, id: UserIdArgument, expected_version: ExpectedVersion = None
    ) -> UserPayload:
        return await _done(info, commands.suspend_user, id, expected_version)

    @strawberry.mutation(
        description="Let somebody in again who was suspended.", metadata=right("User", "update")
    )
    @answers(UserPayload)
    async def activate_user(
        self, info: IdentityInfo, id: UserIdArgument, expected_version: ExpectedVersion = None
    ) -> UserPayload:
        return await _done(info, commands.activate_user, id, expected_version)

    @strawberry.mutation(
        description="Give somebody a new password in their stead; all their sessions end.",
        metadata=right("User", "update"),
    )
    @answers(UserPayload)
    async def set_password(
        self,
        info: IdentityInfo,
        id: UserIdArgument,
        password: Annotated[
            str, strawberry.argument(description="10 to 200 characters, not easy to guess.")
        ],
        must_change: Annotated[
            bool | None,
            strawberry.argument(
                description="Whether they have to change it when they sign in next. Left out: "
                "people do, unless the settings say otherwise."
            ),
        ] = None,
    ) -> UserPayload:
        user_id, scope = UserId(uuid(id, "id")), info.context.scope("User", "update")
        known = await info.context.read(store.by_ids, scope, [user_id])
        found = known[0]
        hashed = await _hashed(
            info,
            password,
            found.username if found else "",
            found.display_name if found else "",
        )
        assert hashed is not None
        must = _must_change(info, must_change, found.kind if found else Kind.PERSON)
        await info.context.write(commands.set_password, scope, user_id, hashed, must_change=must)
        return await _answer(info, user_id)


Command = Callable[[Session, Scope, UserId, int | None], UserId]


async def _done(
    info: IdentityInfo, command: Command, id: strawberry.ID, expected: int | None
) -> UserPayload:
    scope = info.context.scope("User", "update")
    return await _answer(
        info, await info.context.write(command, scope, UserId(uuid(id, "id")), expected)
    )


async def _hashed(info: IdentityInfo, password: str | None, username: str, name: str) -> str | None:
    if password is None:
        return None
    passwords = info.context.loaders.office.passwords
    await passwords.accepted(password, username, name, field="password")
    return await passwords.hashed(password)


def _must_change(info: IdentityInfo, said: bool | None, kind: Kind) -> bool:
    """Nobody but its owner should know a password for long; programs change theirs by hand."""
    if said is not None:
        return said
    return kind is Kind.PERSON and info.context.loaders.office.settings.temporary_passwords


async def _answer(info: IdentityInfo, id: UserId) -> UserPayload:
    info.context.loaders.user.clear_all()  # a mutation before this one may have looked already
    return UserPayload(user=await user_of(info, id))
