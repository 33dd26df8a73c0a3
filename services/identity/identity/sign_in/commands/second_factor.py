"""Taking on a second factor, passing it, and being rid of it."""

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
from identity.sign_in.domain.passkey import BadPasskey, Relying
from identity.sign_in.domain.second_factor import Ask
from identity.sign_in.domain.session import Ending
from identity.sign_in.store import passkey as passkeys, second_factor as store, session as sessions
from identity.sign_in.store.second_factor import FactorRow


class WrongCode(Exception):
    """The code or the passkey is not right, or was used before."""


@dataclass(frozen=True, slots=True)
class Second:
    """What somebody shows beside their password, and whether they need a second factor in any case."""

    seal: Seal
    code: str | None = None
    passkey: str | None = None
    relying: Relying | None = None
    required: bool = False


def begin(session: Session, seal: Seal, whose: UserId, checked_hash: str) -> bytes:
    """A new secret for somebody whose password was right; in force with its first code."""
    users.hold(session, whose)
    present = users.credentials_of(session, whose)
    if present is None or not present.active or present.password_hash != checked_hash:
        raise Unauthenticated("The user name or the password is wrong.", "用户名或密码错误。")
    before = store.locked(session, seal, whose)
    # A password alone must not add a second way past a factor that is in force.
    if passkeys.any_of(session, whose) or (before is not None and before.confirmed):
        raise BadInput(
            "There is a second factor already; end it first, or ask an administrator to.",
            "已启用第二因素，请先停用或联系管理员重置。",
            field="username",
        )
    secret = domain.new_secret()
    store.begin(session, seal, whose, secret)
    return secret


def passed(session: Session, second: Second, whose: UserId) -> Ask | tuple[str, ...]:
    """What is still needed, or nothing: then the recovery codes, if this code put it in force.

    Raises `WrongCode`.
    """
    factor = store.locked(session, second.seal, whose)
    has_passkey = passkeys.any_of(session, whose)
    if second.passkey and second.relying and has_passkey:
        try:
            passkey.show(session, second.relying, whose, second.passkey)
        except BadPasskey as problem:
            raise WrongCode from problem
        return ()
    if factor is None and not has_passkey:
        return Ask.ENROL if second.required else ()
    if not second.code:
        return _asked(factor, has_passkey, second)
    used = factor.last_step if factor else 0
    step = domain.step_of(factor.secret, second.code, time.time(), used) if factor else None
    # An authenticator that still waits is no way past a passkey.
    if factor is not None and step is not None and (factor.confirmed or not has_passkey):
        store.use(session, whose, step)
        return () if factor.confirmed else _new_codes(session, whose)
    in_force = has_passkey or (factor is not None and factor.confirmed)
    if in_force and store.use_code(session, whose, domain.recovery_digest(second.code)):
        audit.record(session, audit.Entry(Actor(whose), "use_recovery_code", "User", str(whose)))
        return ()
    raise WrongCode


def _asked(factor: FactorRow | None, has_passkey: bool, second: Second) -> Ask | tuple[str, ...]:
    if factor is not None and factor.confirmed:
        return Ask.CODE
    if has_passkey:
        return Ask.PASSKEY
    return Ask.ENROL if second.required else ()


def end_own(session: Session, seal: Seal, actor: Actor, code: str) -> None:
    """Be rid of one's own authenticator, by showing a code once more."""
    me = UserId(actor.user_id)
    passed(session, Second(seal, code, required=True), me)
    if not store.end(session, me):
        raise BadInput("There is no second factor to end.", "尚未启用第二因素。", field="code")
    if not passkeys.any_of(session, me):
        store.drop_codes(session, me)
    audit.record(session, audit.Entry(actor, "end_second_factor", "User", str(me)))


def reset(session: Session, scope: Scope, id: UserId) -> UserId:
    """Take somebody's second factor away in their stead; all their sessions end."""
    held(session, scope, id, None)
    ended, removed = store.end(session, id), passkeys.remove_all(session, id)
    store.drop_codes(session, id)
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


def _new_codes(session: Session, whose: UserId) -> tuple[str, ...]:
    codes = store.new_codes(session, whose)
    audit.record(session, audit.Entry(Actor(whose), "begin_second_factor", "User", str(whose)))
    return codes
