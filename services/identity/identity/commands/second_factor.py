"""Taking on a second factor, passing it, and being rid of it."""

from __future__ import annotations

import time

from sqlalchemy.orm import Session

from chassis import audit
from chassis.actor import Actor
from chassis.errors import BadInput, Unauthenticated
from chassis.policy.guard import Scope
from identity.commands.user import held
from identity.domain import second_factor as domain
from identity.domain.ids import UserId
from identity.domain.seal import Seal
from identity.domain.second_factor import Ask
from identity.domain.session import Ending
from identity.store import second_factor as store, session as sessions, user as users


class WrongCode(Exception):
    """The code is not right, or was used before."""


def begin(session: Session, seal: Seal, whose: UserId, checked_hash: str) -> bytes:
    """A new secret for somebody whose password was right; in force with its first code."""
    present = users.credentials_of(session, whose)
    if present is None or not present.active or present.password_hash != checked_hash:
        raise Unauthenticated("The user name or the password is wrong.", "用户名或密码错误。")
    before = store.locked(session, seal, whose)
    if before is not None and before.confirmed:
        raise BadInput(
            "There is a second factor already; end it first, or ask an administrator to.",
            "已启用第二因素，请先停用或联系管理员重置。",
            field="username",
        )
    secret = domain.new_secret()
    store.begin(session, seal, whose, secret)
    return secret


def passed(
    session: Session, seal: Seal, whose: UserId, code: str | None, *, required: bool
) -> Ask | tuple[str, ...]:
    """What is still needed, or nothing: then the recovery codes, if this code put it in force.

    Raises `WrongCode`.
    """
    factor = store.locked(session, seal, whose)
    if factor is None:
        return Ask.ENROL if required else ()
    if not code:
        if factor.confirmed:
            return Ask.CODE
        return Ask.ENROL if required else ()
    step = domain.step_of(factor.secret, code, time.time(), factor.last_step)
    if step is not None:
        store.use(session, whose, step)
        return () if factor.confirmed else _new_codes(session, whose)
    if factor.confirmed and store.use_code(session, whose, domain.recovery_digest(code)):
        audit.record(session, Actor(whose), "use_recovery_code", "User", str(whose))
        return ()
    raise WrongCode


def end_own(session: Session, seal: Seal, actor: Actor, code: str) -> None:
    """Be rid of one's own second factor, by showing it once more."""
    me = UserId(actor.user_id)
    asked = passed(session, seal, me, code, required=True)
    if asked == Ask.ENROL:
        raise BadInput("There is no second factor to end.", "尚未启用第二因素。", field="code")
    store.end(session, me)
    audit.record(session, actor, "end_second_factor", "User", str(me))


def reset(session: Session, scope: Scope, id: UserId) -> UserId:
    """Take somebody's second factor away in their stead; all their sessions end."""
    held(session, scope, id, None)
    if store.end(session, id):
        sessions.end_all(session, id, Ending.ENDED_BY_ADMINISTRATOR)
        audit.record(
            session,
            scope.actor,
            "reset_second_factor",
            "User",
            str(id),
            policy_version=scope.version,
        )
    return id


def _new_codes(session: Session, whose: UserId) -> tuple[str, ...]:
    codes = domain.recovery_codes()
    store.set_codes(session, whose, map(domain.recovery_digest, codes))
    audit.record(session, Actor(whose), "begin_second_factor", "User", str(whose))
    return tuple(codes)
