"""Enrol, check and remove second factors."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy.orm import Session

from chassis.actor import Actor
from chassis.audit import events as audit
from chassis.errors import BadInput, Unauthenticated
from chassis.policy.scope import Scope
from identity.core.domain.ids import UserId
from identity.core.domain.seal import Seal
from identity.people.commands.user import held
from identity.people.store import user as users
from identity.sign_in.commands import passkey
from identity.sign_in.domain import second_factor as domain
from identity.sign_in.domain.passkey import InvalidPasskey, RelyingParty
from identity.sign_in.domain.second_factor import SignInNeed
from identity.sign_in.domain.session import Ending
from identity.sign_in.store import passkey as passkeys, second_factor as store, session as sessions
from identity.sign_in.store.second_factor import FactorRow


class InvalidFactor(Exception):
    """The code or the passkey is wrong, or was used before."""


@dataclass(frozen=True, slots=True)
class FactorCheck:
    """What a user presents as second factor, and whether one is required in any case."""

    seal: Seal
    code: str | None = None
    passkey: str | None = None
    relying_party: RelyingParty | None = None
    required: bool = False


def begin_enrolment(session: Session, seal: Seal, user_id: UserId, checked_hash: str) -> bytes:
    """Return a new secret for a user who proved the password; its first code puts it in force."""
    users.hold(session, user_id)
    credentials = users.credentials_of(session, user_id)
    if credentials is None or not credentials.active or credentials.password_hash != checked_hash:
        raise Unauthenticated("The user name or the password is wrong.", "用户名或密码错误。")
    existing = store.lock(session, seal, user_id)
    # A password alone must not be enough to bypass a factor that is in force.
    if passkeys.has_passkey(session, user_id) or (existing is not None and existing.confirmed):
        raise BadInput(
            "A second factor is active already; end it first or ask an administrator to reset it.",
            "已启用第二因素，请先停用，或联系管理员重置。",
            field="username",
        )
    secret = domain.new_secret()
    store.set_pending(session, seal, user_id, secret)
    return secret


def check_factor(
    session: Session, factor_check: FactorCheck, user_id: UserId
) -> SignInNeed | tuple[str, ...]:
    """Return what a sign-in still needs, or the recovery codes of a factor put in force just now.

    An empty tuple means that nothing more is needed. Raises `InvalidFactor`.
    """
    factor = store.lock(session, factor_check.seal, user_id)
    has_passkey = passkeys.has_passkey(session, user_id)
    if factor_check.passkey and factor_check.relying_party and has_passkey:
        try:
            passkey.verify_sign_in(
                session, factor_check.relying_party, user_id, factor_check.passkey
            )
        except InvalidPasskey as problem:
            raise InvalidFactor from problem
        return ()
    if factor is None and not has_passkey:
        return SignInNeed.ENROL if factor_check.required else ()
    if not factor_check.code:
        return _need(factor, has_passkey, factor_check)
    last_step = factor.last_step if factor else 0
    step = (
        domain.matching_step(factor.secret, factor_check.code, time.time(), last_step)
        if factor
        else None
    )
    # A pending authenticator must not bypass a passkey.
    if factor is not None and step is not None and (factor.confirmed or not has_passkey):
        store.record_step(session, user_id, step)
        return () if factor.confirmed else _confirm_factor(session, user_id)
    in_force = has_passkey or (factor is not None and factor.confirmed)
    if in_force and store.use_code(
        session, user_id, domain.recovery_code_digest(factor_check.code)
    ):
        audit.record(
            session, audit.Entry(Actor(user_id), "use_recovery_code", "User", str(user_id))
        )
        return ()
    raise InvalidFactor


def _need(
    factor: FactorRow | None, has_passkey: bool, factor_check: FactorCheck
) -> SignInNeed | tuple[str, ...]:
    if factor is not None and factor.confirmed:
        return SignInNeed.CODE
    if has_passkey:
        return SignInNeed.PASSKEY
    return SignInNeed.ENROL if factor_check.required else ()


def end_own_factor(session: Session, seal: Seal, actor: Actor, code: str) -> None:
    """Remove the caller's own authenticator after checking a code of it."""
    user_id = UserId(actor.user_id)
    check_factor(session, FactorCheck(seal, code, required=True), user_id)
    if not store.delete_factor(session, user_id):
        raise BadInput(
            "No authenticator is active, so there is none to end.",
            "尚未启用验证器，无需停用。",
            field="code",
        )
    if not passkeys.has_passkey(session, user_id):
        store.delete_codes(session, user_id)
    audit.record(session, audit.Entry(actor, "end_second_factor", "User", str(user_id)))


def reset_factor(session: Session, scope: Scope, id: UserId) -> UserId:
    """Remove the second factors of a user on an administrator's request and end all sessions."""
    held(session, scope, id, None)
    ended, removed = store.delete_factor(session, id), passkeys.remove_all(session, id)
    store.delete_codes(session, id)
    if ended or removed:
        sessions.end_all(session, id, Ending.ENDED_BY_ADMINISTRATOR)
        audit.record(
            session,
            audit.Entry(
                scope.actor,
                "reset_second_factor",
                "User",
                str(id),
                policy_version=scope.version,
            ),
        )
    return id


def _confirm_factor(session: Session, user_id: UserId) -> tuple[str, ...]:
    codes = store.replace_codes(session, user_id)
    audit.record(session, audit.Entry(Actor(user_id), "begin_second_factor", "User", str(user_id)))
    return codes
