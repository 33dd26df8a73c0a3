"""Checking a password, told as a story: count the try, look, hash beside the event loop, decide.

A refusal takes the same words and the same time whether the user exists or not.
"""

from __future__ import annotations

from chassis.errors import BadInput, Unauthenticated
from chassis.policy.rules import subjects
from identity.api.loaders import IdentityContext
from identity.api.throttle import Throttle
from identity.commands import session as commands, sign_in_link as links
from identity.commands.second_factor import WrongCode
from identity.commands.session import Opened, Second
from identity.commands.sign_in_link import Refusal
from identity.domain import password as domain
from identity.domain.ids import UserId
from identity.domain.second_factor import Ask
from identity.domain.user import asked_username
from identity.store import user as users
from identity.store.user import Credentials

CODE_ATTEMPTS, CODE_WINDOW_SECONDS = 10, 600


async def sign_in(
    ctx: IdentityContext, asked: str, password: str, code: str | None
) -> Opened | Ask:
    """Raises `Throttled`, or `Unauthenticated` in the same words and time for every reason."""
    office, username, throttle = ctx.loaders.office, asked_username(asked), _throttle(ctx)
    known, kept = await proved(ctx, username, password)
    codes = Throttle(ctx.runtime.redis, CODE_ATTEMPTS, CODE_WINDOW_SECONDS)
    if code:
        await codes.count(f"{username} code", "")  # from wherever: six digits are few
    second = Second(office.seal, code, needs_second(ctx, known.id))
    try:
        opened = await ctx.write(
            commands.open_session, known.id, kept, ctx.client, office.lifetimes, second
        )
    except WrongCode as problem:
        await ctx.write(commands.note_refused, known.id)
        raise _wrong_code() from problem
    if opened is None:
        raise _wrong()
    if isinstance(opened, Ask):
        return opened
    await throttle.forget(username, ctx.client)
    if code:
        await codes.forget(f"{username} code", "")
    if domain.is_outdated(kept):
        await ctx.write(commands.rehash, known.id, kept, await office.passwords.hashed(password))
    return opened


async def finish_by_provider(
    ctx: IdentityContext, ticket: str, verifier: str, code: str | None
) -> Opened | Ask:
    """Raises `Unauthenticated` for the ticket or the code, `Denied` for the person, `Throttled`."""
    office = ctx.loaders.office
    whose = await ctx.write(links.recognise, office.seal, ticket, verifier)
    if isinstance(whose, Refusal):
        raise whose.why
    known = await ctx.read(users.credentials_of, whose)
    assert known is not None
    codes = Throttle(ctx.runtime.redis, CODE_ATTEMPTS, CODE_WINDOW_SECONDS)
    if code:
        await codes.count(f"{known.username} code", "")
    second = Second(office.seal, code, required=False)
    try:
        opened = await ctx.write(
            links.redeem, ticket, verifier, ctx.client, office.lifetimes, second, _strict(ctx)
        )
    except WrongCode as problem:
        await ctx.write(commands.note_refused, whose)
        raise _wrong_code() from problem
    if isinstance(opened, Refusal):
        raise opened.why
    if code and isinstance(opened, Opened):
        await codes.forget(f"{known.username} code", "")
    return opened


async def proved(ctx: IdentityContext, username: str, password: str) -> tuple[Credentials, str]:
    """Whose password this is. Raises `Throttled` or `Unauthenticated`."""
    await _throttle(ctx).count(username, ctx.client)
    known = await ctx.read(users.credentials, username)
    kept = known.password_hash if known else None
    good = await ctx.loaders.office.passwords.matches(kept, password)
    if known is None or kept is None or not known.active or not good:
        await ctx.write(commands.note_refused, known.id if known else None)
        raise _wrong()
    return known, kept


def needs_second(ctx: IdentityContext, user: UserId) -> bool:
    """Whether a role of theirs, inherited or by a group, is one that signs in with two factors."""
    wanted, snapshot = _strict(ctx), ctx.guard.snapshot
    if not wanted:
        return False
    # Before the first policy nobody's roles are known: then everybody needs one.
    return snapshot is None or bool(wanted & subjects(snapshot, user).keys())


async def change_password(ctx: IdentityContext, current: str, new: str) -> None:
    """Raises `Throttled`, `BadInput` for either password, `Unauthenticated` for an ended session."""
    me, throttle = UserId(ctx.actor.user_id), _throttle(ctx)
    await ctx.read(commands.refuse_ended, ctx.actor)
    known = await ctx.read(users.credentials_of, me)
    if known is None or known.password_hash is None:
        raise _wrong()
    domain.accepted(new, known.username, field="newPassword")
    await throttle.count(known.username, ctx.client)
    passwords = ctx.loaders.office.passwords
    if not await passwords.matches(known.password_hash, current):
        raise BadInput(
            "currentPassword is not your password.",
            "currentPassword 与您的当前密码不符。",
            field="currentPassword",
        )
    await throttle.forget(known.username, ctx.client)
    hashed = await passwords.hashed(new)
    await ctx.write(commands.change_password, ctx.actor, known.password_hash, hashed)


def _strict(ctx: IdentityContext) -> frozenset[str]:
    """The roles that sign in with two factors, as the policy names subjects."""
    asked = ctx.loaders.office.settings.second_factor_roles.split(",")
    return frozenset(f"role:{role.strip()}" for role in asked if role.strip())


def _throttle(ctx: IdentityContext) -> Throttle:
    settings = ctx.loaders.office.settings
    return Throttle(ctx.runtime.redis, settings.sign_in_attempts, settings.sign_in_window_seconds)


def _wrong() -> Unauthenticated:
    return Unauthenticated("The user name or the password is wrong.", "用户名或密码错误。")


def _wrong_code() -> Unauthenticated:
    return Unauthenticated(
        "The code is not right, or was used before; wait for the next one.",
        "验证码不正确或已使用，请等待下一个。",
        field="code",
    )
