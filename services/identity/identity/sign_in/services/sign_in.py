"""Sign in by password or by provider: count the attempt, verify, check the second factor, decide.

A refusal has the same words and takes the same time whether the user exists or not.
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
from identity.sign_in.services.sign_in_service import SignInService
from identity.sign_in.services.throttle import Throttle

CODE_ATTEMPTS, CODE_WINDOW_SECONDS = 10, 600


@dataclass(frozen=True, slots=True)
class PendingSignIn:
    """What a sign-in still needs; for a passkey, the options for the browser."""

    need: SignInNeed
    passkey_options: str | None = None


@dataclass(frozen=True, slots=True)
class AdditionalProof:
    """What a user presents beside the password or the ticket."""

    code: str | None = None
    passkey: str | None = None
    new_password: str | None = None


async def sign_in(
    ctx: Context, entered_name: str, password: str, proof: AdditionalProof
) -> OpenedSession | PendingSignIn:
    """Sign in by password.

    Raises `Throttled`, or `Unauthenticated` with the same words and in the same time for every
    reason.
    """
    sign_in_service, username, throttle = (
        ctx.resource(SignInService),
        asked_username(entered_name),
        _throttle(ctx),
    )
    credentials, password_hash = await verify_password(ctx, username, password)
    if credentials.must_change and proof.new_password is None:
        return PendingSignIn(SignInNeed.NEW_PASSWORD)
    new_hash = await _new_hash(ctx, credentials, password_hash, proof.new_password)
    clear_code_count = await _count_code_attempt(ctx, username, proof)
    factor_check = _factor_check(ctx, proof, required=requires_second_factor(ctx, credentials.id))
    try:
        opened = await ctx.write(
            commands.open_session,
            credentials.id,
            password_hash,
            request_origin(ctx),
            sign_in_service.lifetimes,
            factor_check,
            new_hash,
        )
    except InvalidFactor as problem:
        raise await _record_refused_factor(ctx, credentials.id, proof, problem) from problem
    if opened is None:
        raise _wrong_credentials()
    if isinstance(opened, SignInNeed):
        return await _pending(ctx, credentials.id, opened)
    await throttle.reset(username, ctx.client)
    await clear_code_count()
    if domain.is_outdated(password_hash):
        await ctx.write(
            commands.rehash,
            credentials.id,
            password_hash,
            await sign_in_service.passwords.hash_password(password),
        )
    return opened


async def finish_provider_sign_in(
    ctx: Context, ticket: str, verifier: str, proof: AdditionalProof
) -> OpenedSession | PendingSignIn:
    """Sign in with the ticket of a provider.

    Raises `Unauthenticated` for the ticket or the code, `Denied` for the user, or `Throttled`.
    """
    sign_in_service = ctx.resource(SignInService)
    user_id = await ctx.write(links.resolve_user, sign_in_service.seal, ticket, verifier)
    if isinstance(user_id, Refusal):
        raise user_id.error
    credentials = await ctx.read(users.credentials_of, user_id)
    assert credentials is not None
    clear_code_count = await _count_code_attempt(ctx, credentials.username, proof)
    factor_check = _factor_check(ctx, proof, required=False)
    try:
        opened = await ctx.write(
            links.redeem_ticket,
            ticket,
            verifier,
            request_origin(ctx),
            sign_in_service.lifetimes,
            factor_check,
            _second_factor_roles(ctx),
        )
    except InvalidFactor as problem:
        raise await _record_refused_factor(ctx, user_id, proof, problem) from problem
    if isinstance(opened, Refusal):
        raise opened.error
    if isinstance(opened, SignInNeed):
        return await _pending(ctx, user_id, opened)
    await clear_code_count()
    return opened


async def _new_hash(
    ctx: Context, credentials: Credentials, password_hash: str, new_password: str | None
) -> str | None:
    """Return the hash of the new password of a user who has to change theirs. Raises `BadInput`."""
    if new_password is None:
        return None
    if not credentials.must_change:
        raise BadInput(
            "newPassword is accepted only for a password that has to be changed; "
            "use changePassword.",
            "仅当密码必须更改时才可提交 newPassword，否则请使用 changePassword。",
            field="newPassword",
        )
    passwords = ctx.resource(SignInService).passwords
    await passwords.check_strength(
        new_password, credentials.username, credentials.display_name, field="newPassword"
    )
    await passwords.check_changed(password_hash, new_password, field="newPassword")
    return await passwords.hash_password(new_password)


async def _count_code_attempt(
    ctx: Context, username: str, proof: AdditionalProof
) -> Callable[[], Awaitable[None]]:
    """Count an attempt to enter a code, from any address, since six digits are few.

    Returns a function that clears the count.
    """
    throttle = Throttle(ctx.runtime.redis, CODE_ATTEMPTS, CODE_WINDOW_SECONDS)
    counter = f"{username} code"
    if proof.code:
        await throttle.count_attempt(counter, "")

    async def forget() -> None:
        if proof.code:
            await throttle.reset(counter, "")

    return forget


def _factor_check(ctx: Context, proof: AdditionalProof, *, required: bool) -> FactorCheck:
    sign_in_service = ctx.resource(SignInService)
    return FactorCheck(
        sign_in_service.seal, proof.code, proof.passkey, sign_in_service.relying_party, required
    )


async def _pending(ctx: Context, user_id: UserId, need: SignInNeed) -> PendingSignIn:
    """Return what is needed, with a challenge for a user who has passkeys."""
    relying_party = ctx.resource(SignInService).relying_party
    if need not in (SignInNeed.CODE, SignInNeed.PASSKEY) or relying_party is None:
        return PendingSignIn(need)
    return PendingSignIn(need, await ctx.write(passkeys.begin_sign_in, relying_party, user_id))


async def _record_refused_factor(
    ctx: Context, user_id: UserId, proof: AdditionalProof, problem: InvalidFactor
) -> Unauthenticated:
    await ctx.write(commands.record_refused_sign_in, user_id)
    if isinstance(problem.__cause__, ClonedPasskey):
        await ctx.write(passkeys.record_cloned, user_id)
    if proof.passkey:
        return Unauthenticated(
            "The passkey could not be verified; try again or use a code.",
            "通行密钥未通过验证，请重试或使用验证码。",
            field="passkey",
        )
    return Unauthenticated(
        "The code is wrong or was used before; wait for the next one.",
        "验证码不正确或已使用，请等待下一个。",
        field="code",
    )


async def verify_password(ctx: Context, username: str, password: str) -> tuple[Credentials, str]:
    """Return the user of a password with its hash. Raises `Throttled` or `Unauthenticated`."""
    await _throttle(ctx).count_attempt(username, ctx.client)
    credentials = await ctx.read(users.credentials, username)
    password_hash = credentials.password_hash if credentials else None
    matches = await ctx.resource(SignInService).passwords.matches(password_hash, password)
    if credentials is None or password_hash is None or not credentials.active or not matches:
        await ctx.write(commands.record_refused_sign_in, credentials.id if credentials else None)
        raise _wrong_credentials()
    return credentials, password_hash


def request_origin(ctx: Context) -> Origin:
    """Return where a request comes from."""
    return Origin.of(ctx.client, ctx.device)


def requires_second_factor(ctx: Context, user_id: UserId) -> bool:
    """Return whether a role of the user, inherited or by group, requires a second factor."""
    strict_roles, snapshot = _second_factor_roles(ctx), ctx.guard.snapshot
    if not strict_roles:
        return False
    # Before the first policy no roles are known: then every user needs a second factor.
    return snapshot is None or bool(strict_roles & subjects(snapshot, user_id).keys())


async def change_password(ctx: Context, current: str, new: str) -> None:
    """Change the caller's own password.

    Raises `Throttled`, `BadInput` for either password, `Unauthenticated` for an ended session.
    """
    user_id, throttle = UserId(ctx.actor.user_id), _throttle(ctx)
    await ctx.read(require_open_session, ctx.actor)
    credentials = await ctx.read(users.credentials_of, user_id)
    if credentials is None or credentials.password_hash is None:
        raise _wrong_credentials()
    passwords = ctx.resource(SignInService).passwords
    await passwords.check_strength(
        new, credentials.username, credentials.display_name, field="newPassword"
    )
    await throttle.count_attempt(credentials.username, ctx.client)
    if not await passwords.matches(credentials.password_hash, current):
        raise BadInput(
            "currentPassword does not match your current password.",
            "currentPassword 与您的当前密码不符。",
            field="currentPassword",
        )
    await throttle.reset(credentials.username, ctx.client)
    new_hash = await passwords.hash_password(new)
    await ctx.write(commands.change_password, ctx.actor, credentials.password_hash, new_hash)


def _second_factor_roles(ctx: Context) -> frozenset[str]:
    """Return the roles that require a second factor, as the policy names subjects."""
    role_names = ctx.resource(IdentitySettings).second_factor_roles.split(",")
    return frozenset(f"role:{role.strip()}" for role in role_names if role.strip())


def _throttle(ctx: Context) -> Throttle:
    settings = ctx.resource(IdentitySettings)
    return Throttle(ctx.runtime.redis, settings.sign_in_attempts, settings.sign_in_window_seconds)


def _wrong_credentials() -> Unauthenticated:
    return Unauthenticated("The user name or the password is wrong.", "用户名或密码错误。")
