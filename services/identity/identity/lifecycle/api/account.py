"""Mutations of accounts: create, suspend and activate users, and set their passwords."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

import strawberry
from sqlalchemy.orm import Session

from chassis.api.context import Info
from chassis.api.problems import answers
from chassis.api.rights import right
from chassis.policy.scope import Scope
from identity.core.api.arguments import ExpectedVersion, IdempotencyKey
from identity.core.api.ids import maybe_uuid, uuid
from identity.core.domain.ids import DepartmentId, UserId
from identity.core.domain.moment import zoned
from identity.lifecycle.commands import account as commands
from identity.people.api.user import UserIdArgument, UserPayload, answer_with
from identity.people.commands.user import Draft, create_user
from identity.people.domain.user import Kind
from identity.people.store import user as store
from identity.settings import IdentitySettings
from identity.sign_in.services.sign_in_service import SignInService


@strawberry.input(description="A user to create.")
class CreateUserInput:
    """A user to create."""

    username: str = strawberry.field(
        description="The name for signing in: 2 to 64 characters of a-z, 0-9 and . _ @ -."
    )
    display_name: str = strawberry.field(
        description="The name colleagues read, at most 100 characters."
    )
    department_id: strawberry.ID | None = strawberry.field(
        default=None, description="The department the user works in; left out: none."
    )
    roles: list[str] = strawberry.field(
        default_factory=list,
        description="Names of the roles of the user; needs the right to update Role.",
    )
    kind: Kind = strawberry.field(
        default=Kind.PERSON, description="A person, a service, or an external user."
    )
    access_until: datetime | None = strawberry.field(
        default=None,
        description="When the access ends by itself; required for EXTERNAL, at most 366 days away.",
    )
    password: str | None = strawberry.field(
        default=None,
        description="The first password, 10 to 200 characters; without it the user cannot sign in.",
    )
    must_change_password: bool | None = strawberry.field(
        default=None,
        description="Whether the user must change the password at the first sign-in. Left out: "
        "people must, unless the settings say otherwise.",
    )


@strawberry.type
class AccountMutation:
    """Mutations of accounts."""

    @strawberry.mutation(
        description="Create a user who may sign in.", metadata=right("User", "create")
    )
    @answers(UserPayload)
    async def create_user(
        self,
        info: Info,
        input: Annotated[CreateUserInput, strawberry.argument(description="The user to create.")],
        idempotency_key: IdempotencyKey = None,
    ) -> UserPayload:
        """Create a user who may sign in."""
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
        return await answer_with(
            info, await info.context.write(create_user, scope, draft, idempotency_key)
        )

    @strawberry.mutation(
        description="Suspend a user: within one second the user has no right, and all sessions "
        "end.",
        metadata=right("User", "update"),
    )
    @answers(UserPayload)
    async def suspend_user(
        self, info: Info, id: UserIdArgument, expected_version: ExpectedVersion = None
    ) -> UserPayload:
        """Suspend a user: within one second the user has no right, and all sessions end."""
        return await _run(info, commands.suspend_user, id, expected_version)

    @strawberry.mutation(
        description="Activate a suspended user again.", metadata=right("User", "update")
    )
    @answers(UserPayload)
    async def activate_user(
        self, info: Info, id: UserIdArgument, expected_version: ExpectedVersion = None
    ) -> UserPayload:
        """Activate a suspended user again."""
        return await _run(info, commands.activate_user, id, expected_version)

    @strawberry.mutation(
        description="Set the password of another user; all their sessions end.",
        metadata=right("User", "update"),
    )
    @answers(UserPayload)
    async def set_password(
        self,
        info: Info,
        id: UserIdArgument,
        password: Annotated[
            str, strawberry.argument(description="10 to 200 characters, not easy to guess.")
        ],
        must_change: Annotated[
            bool | None,
            strawberry.argument(
                description="Whether the user must change it at the next sign-in. Left out: people "
                "must, unless the settings say otherwise."
            ),
        ] = None,
    ) -> UserPayload:
        """Set the password of another user; all their sessions end."""
        user_id, scope = UserId(uuid(id, "id")), info.context.scope("User", "update")
        [user_row] = await info.context.read(store.by_ids, scope, [user_id])
        hashed = await _hashed(
            info,
            password,
            user_row.username if user_row else "",
            user_row.display_name if user_row else "",
        )
        assert hashed is not None
        kind = user_row.kind if user_row else Kind.PERSON
        must = _must_change(info, must_change, kind)
        await info.context.write(commands.set_password, scope, user_id, hashed, must_change=must)
        return await answer_with(info, user_id)


Command = Callable[[Session, Scope, UserId, int | None], UserId]


async def _run(
    info: Info, command: Command, id: strawberry.ID, expected: int | None
) -> UserPayload:
    scope = info.context.scope("User", "update")
    return await answer_with(
        info, await info.context.write(command, scope, UserId(uuid(id, "id")), expected)
    )


async def _hashed(info: Info, password: str | None, username: str, name: str) -> str | None:
    if password is None:
        return None
    passwords = info.context.resource(SignInService).passwords
    await passwords.check_strength(password, username, name, field="password")
    return await passwords.hash_password(password)


def _must_change(info: Info, choice: bool | None, kind: Kind) -> bool:
    """Return the choice; without one, people must, since only they should know their password.

    Programs cannot change a password at sign-in.
    """
    if choice is not None:
        return choice
    return kind is Kind.PERSON and info.context.resource(IdentitySettings).temporary_passwords
