"""Taking on a passkey, showing it, and being rid of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from chassis.actor import Actor
from chassis.audit import events as audit
from chassis.errors import BadInput, Conflict, Denied, NotFound, Unauthenticated
from identity.core.domain.ids import PasskeyId, UserId
from identity.core.domain.seal import Seal
from identity.people.store import user as users
from identity.sign_in.commands.signed_in import refuse_not_fresh
from identity.sign_in.domain import passkey as domain
from identity.sign_in.domain.passkey import BadPasskey, Relying
from identity.sign_in.store import passkey as store, second_factor as factors
from identity.sign_in.store.passkey import Purpose

LASTS = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Taken:
    """A new passkey of somebody; with their first second factor come recovery codes."""

    id: PasskeyId
    user: UserId
    recovery_codes: tuple[str, ...]


def begin_first(
    session: Session, seal: Seal, relying: Relying, whose: UserId, checked_hash: str
) -> str:
    """Ask for the first second factor of somebody whose password was right."""
    users.hold(session, whose)
    present = users.credentials_of(session, whose)
    if present is None or not present.active or present.password_hash != checked_hash:
        raise Unauthenticated("The user name or the password is wrong.", "用户名或密码错误。")
    if _has_factor(session, seal, whose):
        # Else whoever learns a password could add a passkey of their own to pass the other factor.
        raise BadInput(
            "There is a second factor already; sign in with it and add a passkey then.",
            "已启用第二因素，请先登录再添加通行密钥。",
            field="username",
        )
    return _ask(session, relying, whose, present.username, Purpose.REGISTER_FIRST)


def begin(session: Session, relying: Relying, actor: Actor, fresh: timedelta) -> str:
    """Ask for a passkey of somebody who signed in just now."""
    whose = refuse_not_fresh(session, actor, fresh)
    known = users.credentials_of(session, whose)
    assert known is not None
    return _ask(session, relying, whose, known.username, Purpose.REGISTER)


def finish(session: Session, seal: Seal, relying: Relying, answer: str, name: str) -> Taken:
    """Keep the passkey that a browser made for the one who was asked."""
    called = domain.name(name)
    _, challenge = domain.said(answer, field="credential")
    asked = store.answered(session, challenge)
    if asked is None or asked[1] is Purpose.SIGN_IN:
        raise _stale()
    whose, purpose = asked
    users.hold(session, whose)
    had = _has_factor(session, seal, whose)
    if purpose is Purpose.REGISTER_FIRST and had:
        raise _stale()
    try:
        made = domain.registered(relying, answer, challenge)
    except BadPasskey as problem:
        raise _stale() from problem
    if store.is_taken(session, made.credential_id):
        raise Conflict("This passkey is there already.", "该通行密钥已存在。", field="credential")
    # An authenticator that waits for its first code may be another's who knew the password.
    factors.drop_waiting(session, whose)
    id = store.add(session, whose, made, called)
    codes = () if had else factors.new_codes(session, whose)
    audit.record(session, audit.Entry(Actor(whose), "add_passkey", "User", str(whose)))
    return Taken(id, whose, codes)


def begin_sign_in(session: Session, relying: Relying, whose: UserId) -> str | None:
    """Ask somebody for one of their passkeys; None: they have none."""
    present = store.of_user(session, whose)
    if not present:
        return None
    challenge = domain.new_challenge()
    store.ask(session, whose, challenge, Purpose.SIGN_IN, LASTS)
    return domain.request(relying, challenge, [one.known for one in present])


def show(session: Session, relying: Relying, whose: UserId, answer: str) -> None:
    """Take a browser's answer for somebody's second factor. Raises `BadPasskey`."""
    try:
        credential_id, challenge = domain.said(answer, field="passkey")
    except BadInput as problem:
        raise BadPasskey("not readable") from problem
    asked = store.answered(session, challenge)
    known = store.held(session, whose, credential_id)
    if asked != (whose, Purpose.SIGN_IN) or known is None:
        raise BadPasskey("not asked for, or not theirs")
    count, backed_up = domain.shown(relying, answer, challenge, known.public_key, known.sign_count)
    store.use(session, known.id, count, backed_up)


def rename(session: Session, actor: Actor, id: PasskeyId, name: str) -> None:
    """Call one's own passkey otherwise."""
    if not store.rename(session, UserId(actor.user_id), id, domain.name(name)):
        raise _unknown(id)


def remove(
    session: Session, seal: Seal, actor: Actor, id: PasskeyId, fresh: timedelta, *, required: bool
) -> None:
    """Be rid of one's own passkey; the last second factor stays where a role needs one."""
    me = refuse_not_fresh(session, actor, fresh)
    users.hold(session, me)
    if not store.remove(session, me, id):
        raise _unknown(id)
    if not _has_factor(session, seal, me):
        if required:
            raise Denied(
                "A role of yours needs a second factor, and this is the only one.",
                "您的角色要求启用第二因素，而这是唯一的一个。",
            )
        factors.drop_codes(session, me)
    audit.record(session, audit.Entry(actor, "remove_passkey", "User", str(me)))


def note_copied(session: Session, whose: UserId) -> None:
    """A passkey whose counter went back was refused: somebody may hold a copy."""
    audit.record(session, audit.Entry(None, "copied_passkey", "User", str(whose), decision="deny"))


def _ask(session: Session, relying: Relying, whose: UserId, username: str, purpose: Purpose) -> str:
    present = store.of_user(session, whose)
    if len(present) >= domain.MOST:
        raise BadInput(
            f"There are {domain.MOST} passkeys already; remove one first.",
            f"已有 {domain.MOST} 个通行密钥，请先移除一个。",
        )
    challenge = domain.new_challenge()
    store.ask(session, whose, challenge, purpose, LASTS)
    known = [one.known for one in present]
    return domain.registration(relying, challenge, whose.bytes, username, username, known)


def _has_factor(session: Session, seal: Seal, whose: UserId) -> bool:
    factor = factors.locked(session, seal, whose)
    return (factor is not None and factor.confirmed) or store.any_of(session, whose)


def _stale() -> BadInput:
    return BadInput(
        "credential does not answer what was asked, or too late; begin again.",
        "credential 与请求不符或已超时，请重新开始。",
        field="credential",
    )


def _unknown(id: PasskeyId) -> NotFound:
    return NotFound(f"You have no passkey {id}.", f"未找到您的通行密钥 {id}。", field="id")
