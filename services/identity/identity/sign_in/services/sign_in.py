"""Checking a password, told as a story: count the try, look, hash beside the event loop, decide.

A refusal takes the same words and the same time whether the user exists or not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from chassis.api.context import Context
from chassis.errors import BadInput, Unauthenticated
from chassis.policy.rules import subjects
from identity.core.domain.ids import UserId
from identity.people.domain.user import asked_username
from identity.people.store import user as users
from identity.people.store.user import Credentials
from identity.settings import IdentitySettings
from identity.sign_in.commands import (
    passkey as passkeys,
    session as commands,
    sign_in_link as links,
)
from identity.sign_in.commands.second_factor import FactorCheck, InvalidFactor
from identity.sign_in.commands.session import OpenedSession
from identity.sign_in.commands.session_guard import require_open_session
from identity.sign_in.commands.sign_in_link import Refusal
from identity.sign_in.domain import password as domain
from identity.sign_in.domain.device import Origin
from identity.sign_in.domain.passkey import ClonedPasskey
from identity.sign_in.domain.second_factor import SignInNeed
from identity.sign_in.services.office import Office
from identity.sign_in.services.throttle import Throttle

CODE_ATTEMPTS, CODE_WINDOW_SECONDS = 10, 600


@dataclass(frozen=True, slots=True)
class Asked:
    """What signing in still needs; for a passkey, what the browser is to be asked."""

    need: SignInNeed
    passkey_options: str | None = None


@dataclass(frozen=True, slots=True)
class Beside:
    """What somebody shows beside the password or the ticket."""

    code: str | None = None
    passkey: str | None = None
    new_password: str | None = None


async def sign_in(ctx: Context, asked: str, password: str, beside: Beside) -> OpenedSession | Asked:
    """Raises `Throttled`, or `Unauthenticated` in the same words and time for every reason."""
    office, username, throttle = ctx.resource(Office), asked_username(asked), _throttle(ctx)
    known, kept = await proved(ctx, username, password)
    if known.must_change and beside.new_password is None:
        return Asked(SignInNeed.NEW_PASSWORD)
    fresh = await _new_hash(ctx, known, kept, beside.new_password)
    codes = await _counted(ctx, username, beside)
    second = _second(ctx, beside, required=needs_second(ctx, known.id))
    try:
        opened = await ctx.write(
            commands.open_session, known.id, kept, origin_of(ctx), office.lifetimes, second, fresh
        )
    except InvalidFactor as problem:
        raise await _refused(ctx, known.id, beside, problem) from problem
    if opened is None:
        raise _wrong()
    if isinstance(opened, SignInNeed):
        return await _asked(ctx, known.id, opened)
    await throttle.forget(username, ctx.client)
    await codes()
    if domain.is_outdated(kept):
        await ctx.write(commands.rehash, known.id, kept, await office.passwords.hashed(password))
    return opened


async def finish_by_provider(
    ctx: Context, ticket: str, verifier: str, beside: Beside
) -> OpenedSession | Asked:
    """Raises `Unauthenticated` for the ticket or the code, `Denied` for the person, `Throttled`."""
    office = ctx.resource(Office)
    whose = await ctx.write(links.resolve_user, office.seal, ticket, verifier)
    if isinstance(whose, Refusal):
        raise whose.error
    known = await ctx.read(users.credentials_of, whose)
    assert known is not None
    codes = await _counted(ctx, known.username, beside)
    second = _second(ctx, beside, required=False)
    try:
        opened = await ctx.write(
            links.redeem_ticket,
            ticket,
            verifier,
            origin_of(ctx),
            office.lifetimes,
            second,
            _strict(ctx),
        )
    except InvalidFactor as problem:
        raise await _refused(ctx, whose, beside, problem) from problem
    if isinstance(opened, Refusal):
        raise opened.error
    if isinstance(opened, SignInNeed):
        return await _asked(ctx, whose, opened)
    await codes()
    return opened


async def _new_hash(ctx: Context, known: Credentials, kept: str, text: str | None) -> str | None:
    """The new password of somebody who has to change theirs. Raises `BadInput`."""
    if text is None:
        return None
    if not known.must_change:
        raise BadInput(
            "newPassword is for a password that has to be changed; use changePassword.",
            "newPassword 仅用于必须更改的密码，请使用 changePassword。",
            field="newPassword",
        )
    passwords = ctx.resource(Office).passwords
    await passwords.accepted(text, known.username, known.display_name, field="newPassword")
    await passwords.refuse_same(kept, text, field="newPassword")
    return await passwords.hashed(text)


async def _counted(ctx: Context, username: str, beside: Beside) -> Callable[[], Awaitable[None]]:
    """Count a try of a code, from wherever: six digits are few. The answer clears the count."""
    throttle = Throttle(ctx.runtime.redis, CODE_ATTEMPTS, CODE_WINDOW_SECONDS)
    key = f"{username} code"
    if beside.code:
        await throttle.count(key, "")

    async def forget() -> None:
        if beside.code:
            await throttle.forget(key, "")

    return forget


def _second(ctx: Context, beside: Beside, *, required: bool) -> FactorCheck:
    office = ctx.resource(Office)
    return FactorCheck(office.seal, beside.code, beside.passkey, office.relying, required)


async def _asked(ctx: Context, whose: UserId, need: SignInNeed) -> Asked:
    """What is needed, with a challenge for those who have a passkey."""
    relying = ctx.resource(Office).relying
    if need not in (SignInNeed.CODE, SignInNeed.PASSKEY) or relying is None:
        return Asked(need)
    return Asked(need, await ctx.write(passkeys.begin_sign_in, relying, whose))


async def _refused(
    ctx: Context, whose: UserId, beside: Beside, problem: InvalidFactor
) -> Unauthenticated:
    await ctx.write(commands.record_refused_sign_in, whose)
    if isinstance(problem.__cause__, ClonedPasskey):
        await ctx.write(passkeys.record_cloned, whose)
    if beside.passkey:
        return Unauthenticated(
            "The passkey was not accepted; try again, or use a code.",
            "通行密钥未通过验证，请重试或使用验证码。",
            field="passkey",
        )
    return Unauthenticated(
        "The code is not right, or was used before; wait for the next one.",
        "验证码不正确或已使用，请等待下一个。",
        field="code",
    )


async def proved(ctx: Context, username: str, password: str) -> tuple[Credentials, str]:
    """Whose password this is. Raises `Throttled` or `Unauthenticated`."""
    await _throttle(ctx).count(username, ctx.client)
    known = await ctx.read(users.credentials, username)
    kept = known.password_hash if known else None
    good = await ctx.resource(Office).passwords.matches(kept, password)
    if known is None or kept is None or not known.active or not good:
        await ctx.write(commands.record_refused_sign_in, known.id if known else None)
        raise _wrong()
    return known, kept


def origin_of(ctx: Context) -> Origin:
    """Where a request comes from."""
    return Origin.of(ctx.client, ctx.device)


def needs_second(ctx: Context, user: UserId) -> bool:
    """Whether a role of theirs, inherited or by a group, is one that signs in with two factors."""
    wanted, snapshot = _strict(ctx), ctx.guard.snapshot
    if not wanted:
        return False
    # Before the first policy nobody's roles are known: then everybody needs one.
    return snapshot is None or bool(wanted & subjects(snapshot, user).keys())


async def change_password(ctx: Context, current: str, new: str) -> None:
    """Raises `Throttled`, `BadInput` for either password, `Unauthenticated` for an ended session."""
    me, throttle = UserId(ctx.actor.user_id), _throttle(ctx)
    await ctx.read(require_open_session, ctx.actor)
    known = await ctx.read(users.credentials_of, me)
    if known is None or known.password_hash is None:
        raise _wrong()
    passwords = ctx.resource(Office).passwords
    await passwords.accepted(new, known.username, known.display_name, field="newPassword")
    await throttle.count(known.username, ctx.client)
    if not await passwords.matches(known.password_hash, current):
        raise BadInput(
            "currentPassword is not your password.",
            "currentPassword 与您的当前密码不符。",
            field="currentPassword",
        )
    await throttle.forget(known.username, ctx.client)
    hashed = await passwords.hashed(new)
    await ctx.write(commands.change_password, ctx.actor, known.password_hash, hashed)


def _strict(ctx: Context) -> frozenset[str]:
    """The roles that sign in with two factors, as the policy names subjects."""
    asked = ctx.resource(IdentitySettings).second_factor_roles.split(",")
    return frozenset(f"role:{role.strip()}" for role in asked if role.strip())


def _throttle(ctx: Context) -> Throttle:
    settings = ctx.resource(IdentitySettings)
    return Throttle(ctx.runtime.redis, settings.sign_in_attempts, settings.sign_in_window_seconds)


def _wrong() -> Unauthenticated:
    return Unauthenticated("The user name or the password is wrong.", "用户名或密码错误。")
