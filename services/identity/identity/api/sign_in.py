"""Checking a password, told as a story: count the try, look, hash beside the event loop, decide.

A refusal takes the same words and the same time whether the user exists or not.
"""

from __future__ import annotations

from chassis.errors import BadInput, Unauthenticated
from identity.api.loaders import IdentityContext
from identity.api.throttle import Throttle
from identity.commands import session as commands
from identity.commands.session import Opened
from identity.domain import password as domain
from identity.domain.ids import UserId
from identity.domain.user import asked_username
from identity.store import user as users


async def sign_in(ctx: IdentityContext, asked: str, password: str) -> Opened:
    """Raises `Throttled`, or `Unauthenticated` in the same words and time for every reason."""
    office, username, throttle = ctx.loaders.office, asked_username(asked), _throttle(ctx)
    await throttle.count(username, ctx.client)
    known = await ctx.read(users.credentials, username)
    kept = known.password_hash if known else None
    good = await office.passwords.matches(kept, password)
    if known is None or kept is None or not known.active or not good:
        await ctx.write(commands.note_refused, known.id if known else None)
        raise _wrong()
    opened = await ctx.write(commands.open_session, known.id, kept, ctx.client, office.lifetimes)
    if opened is None:
        raise _wrong()
    await throttle.forget(username, ctx.client)
    if domain.is_outdated(kept):
        await ctx.write(commands.rehash, known.id, kept, await office.passwords.hashed(password))
    return opened


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


def _throttle(ctx: IdentityContext) -> Throttle:
    settings = ctx.loaders.office.settings
    return Throttle(ctx.runtime.redis, settings.sign_in_attempts, settings.sign_in_window_seconds)


def _wrong() -> Unauthenticated:
    return Unauthenticated("The user name or the password is wrong.", "用户名或密码错误。")
