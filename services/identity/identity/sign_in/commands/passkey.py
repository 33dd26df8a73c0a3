"""Register, use, rename and remove passkeys."""

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
from identity.sign_in.commands.session_guard import require_recent_sign_in
from identity.sign_in.domain import passkey as domain
from identity.sign_in.domain.passkey import InvalidPasskey, RelyingParty
from identity.sign_in.store import passkey as store, second_factor as factors
from identity.sign_in.store.passkey import Purpose

CHALLENGE_LIFETIME = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class AddedPasskey:
    """A new passkey, with recovery codes if it is the first second factor of its user."""

    id: PasskeyId
    user: UserId
    recovery_codes: tuple[str, ...]


def begin_first_registration(
    session: Session, seal: Seal, relying_party: RelyingParty, user_id: UserId, checked_hash: str
) -> str:
    """Return creation options for the first second factor of a user who proved the password."""
    users.hold(session, user_id)
    credentials = users.credentials_of(session, user_id)
    if credentials is None or not credentials.active or credentials.password_hash != checked_hash:
        raise Unauthenticated("The user name or the password is wrong.", "用户名或密码错误。")
    if _has_factor(session, seal, user_id):
        # Otherwise a stolen password would be enough to add a passkey and bypass the other factor.
        raise BadInput(
            "A second factor is active already; sign in with it first, then add a passkey.",
            "已启用第二因素，请先使用第二因素登录，再添加通行密钥。",
            field="username",
        )
    return _creation_options(
        session, relying_party, user_id, credentials.username, Purpose.REGISTER_FIRST
    )


def begin_registration(
    session: Session, relying_party: RelyingParty, actor: Actor, max_age: timedelta
) -> str:
    """Return creation options for a passkey of a user who signed in just now."""
    user_id = require_recent_sign_in(session, actor, max_age)
    credentials = users.credentials_of(session, user_id)
    assert credentials is not None
    return _creation_options(
        session, relying_party, user_id, credentials.username, Purpose.REGISTER
    )


def finish_registration(
    session: Session, seal: Seal, relying_party: RelyingParty, answer: str, name: str
) -> AddedPasskey:
    """Store the passkey of a browser's answer to creation options."""
    checked_name = domain.check_name(name)
    _, challenge = domain.parse_credential(answer, field="credential")
    open_challenge = store.take_challenge(session, challenge)
    if open_challenge is None or open_challenge[1] is Purpose.SIGN_IN:
        raise _invalid_credential()
    user_id, purpose = open_challenge
    users.hold(session, user_id)
    had_factor = _has_factor(session, seal, user_id)
    if purpose is Purpose.REGISTER_FIRST and had_factor:
        raise _invalid_credential()
    try:
        registered = domain.verify_registration(relying_party, answer, challenge)
    except InvalidPasskey as problem:
        raise _invalid_credential() from problem
    if store.is_registered(session, registered.credential_id):
        raise Conflict(
            "This passkey is registered already; use another one.",
            "该通行密钥已注册，请使用其他通行密钥。",
            field="credential",
        )
    # A pending authenticator may have been set up by an attacker who knew the password.
    factors.delete_pending(session, user_id)
    id = store.add(session, user_id, registered, checked_name)
    codes = () if had_factor else factors.replace_codes(session, user_id)
    audit.record(session, audit.Entry(Actor(user_id), "add_passkey", "User", str(user_id)))
    return AddedPasskey(id, user_id, codes)


def begin_sign_in(session: Session, relying_party: RelyingParty, user_id: UserId) -> str | None:
    """Return request options for the passkeys of a user; None if there are none."""
    passkeys = store.of_user(session, user_id)
    if not passkeys:
        return None
    challenge = domain.new_challenge()
    store.add_challenge(session, user_id, challenge, Purpose.SIGN_IN, CHALLENGE_LIFETIME)
    return domain.request_options(
        relying_party, challenge, [passkey_row.descriptor for passkey_row in passkeys]
    )


def verify_sign_in(
    session: Session, relying_party: RelyingParty, user_id: UserId, answer: str
) -> None:
    """Verify a browser's answer as the second factor of a user. Raises `InvalidPasskey`."""
    try:
        credential_id, challenge = domain.parse_credential(answer, field="passkey")
    except BadInput as problem:
        raise InvalidPasskey("the answer cannot be read") from problem
    open_challenge = store.take_challenge(session, challenge)
    passkey_row = store.lock(session, user_id, credential_id)
    if open_challenge != (user_id, Purpose.SIGN_IN) or passkey_row is None:
        raise InvalidPasskey("no open challenge of this user, or a passkey of another user")
    count, backed_up = domain.verify_assertion(
        relying_party, answer, challenge, passkey_row.public_key, passkey_row.sign_count
    )
    store.record_use(session, passkey_row.id, count, backed_up)


def rename(session: Session, actor: Actor, id: PasskeyId, name: str) -> None:
    """Rename one of the caller's own passkeys."""
    if not store.rename(session, UserId(actor.user_id), id, domain.check_name(name)):
        raise _no_such_passkey(id)


def remove(
    session: Session, seal: Seal, actor: Actor, id: PasskeyId, max_age: timedelta, *, required: bool
) -> None:
    """Remove one of the caller's own passkeys.

    The last second factor stays if a role requires one: raises `Denied`.
    """
    user_id = require_recent_sign_in(session, actor, max_age)
    users.hold(session, user_id)
    if not store.remove(session, user_id, id):
        raise _no_such_passkey(id)
    if not _has_factor(session, seal, user_id):
        if required:
            raise Denied(
                "One of your roles requires a second factor and this is the only one; "
                "add another one first.",
                "您的角色要求启用第二因素，且这是唯一的一个，请先添加其他第二因素。",
            )
        factors.delete_codes(session, user_id)
    audit.record(session, audit.Entry(actor, "remove_passkey", "User", str(user_id)))


def record_cloned(session: Session, user_id: UserId) -> None:
    """Record that a passkey was refused because its counter went back, as that of a copy does."""
    audit.record(
        session, audit.Entry(None, "copied_passkey", "User", str(user_id), decision="deny")
    )


def _creation_options(
    session: Session, relying_party: RelyingParty, user_id: UserId, username: str, purpose: Purpose
) -> str:
    passkeys = store.of_user(session, user_id)
    if len(passkeys) >= domain.MAX_PASSKEYS:
        raise BadInput(
            f"You have {domain.MAX_PASSKEYS} passkeys, the maximum; remove one first.",
            f"通行密钥已达上限 {domain.MAX_PASSKEYS} 个，请先移除一个。",
        )
    challenge = domain.new_challenge()
    store.add_challenge(session, user_id, challenge, purpose, CHALLENGE_LIFETIME)
    existing = [passkey_row.descriptor for passkey_row in passkeys]
    return domain.creation_options(
        relying_party, challenge, user_id.bytes, username, username, existing
    )


def _has_factor(session: Session, seal: Seal, user_id: UserId) -> bool:
    factor = factors.lock(session, seal, user_id)
    return (factor is not None and factor.confirmed) or store.has_passkey(session, user_id)


def _invalid_credential() -> BadInput:
    return BadInput(
        "credential does not match an open challenge, or the challenge expired; begin again.",
        "credential 与待验证的请求不符，或请求已过期，请重新开始。",
        field="credential",
    )


def _no_such_passkey(id: PasskeyId) -> NotFound:
    return NotFound(f"You have no passkey with id {id}.", f"未找到您的通行密钥 {id}。", field="id")
