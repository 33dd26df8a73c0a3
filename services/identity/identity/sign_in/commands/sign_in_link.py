"""From what a provider says of somebody to their session here: a ticket, an account, a session.

The ticket binds three things: what the provider said, the browser it said it to, and the frontend
that asked (only that one knows the text whose hash the ticket carries). So a ticket that leaks signs
nobody in, and nobody can be signed in as somebody else without knowing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from chassis.actor import Actor
from chassis.audit import events as audit
from chassis.errors import BadInput, Conflict, Denied, NotFound, Unauthenticated
from chassis.policy.compiling import compile_rules
from chassis.policy.rules import subjects
from identity.core.domain.ids import ProviderId, SignInLinkId, UserId
from identity.core.domain.seal import Seal
from identity.people.domain import user as user_domain
from identity.people.domain.user import Kind
from identity.people.store import user as users
from identity.policy.commands import policy
from identity.policy.store import policy as policies, role as roles
from identity.sign_in.commands.second_factor import Second, passed
from identity.sign_in.commands.session import Lifetimes, Opened, begin_session
from identity.sign_in.commands.signed_in import refuse_ended, refuse_not_fresh
from identity.sign_in.domain import provider as domain, token
from identity.sign_in.domain.device import Origin
from identity.sign_in.domain.provider import Admission, Claimed
from identity.sign_in.domain.second_factor import Ask
from identity.sign_in.store import (
    provider as providers,
    provider_session as provider_sessions,
    sign_in_link as store,
)
from identity.sign_in.store.provider import ProviderRow

TICKET_LASTS = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nobody is signed in, and why; a value, for what was recorded of it must stay."""

    why: Denied


@dataclass(frozen=True, slots=True)
class _Shown:
    """A good ticket, opened."""

    provider: ProviderRow
    who: Claimed
    tokens: Mapping[str, Any]
    at: datetime
    digest: bytes


def arrive(
    session: Session,
    seal: Seal,
    provider: ProviderId,
    who: Claimed,
    tokens: Mapping[str, Any],
    challenge: str,
) -> str:
    """Keep what a provider said, sealed; the answer is the ticket that stands for it."""
    fresh = token.refresh_token()
    said = {"who": asdict(who), "tokens": dict(tokens), "at": datetime.now(UTC).isoformat()}
    digest = token.digest(fresh)
    store.add_ticket(session, seal, digest, provider, challenge, said, TICKET_LASTS)
    return fresh


def recognise(session: Session, seal: Seal, ticket: str, verifier: str) -> UserId | Refusal:
    """Whom a ticket is about; ties or makes their account where the provider may do that.

    Raises `Unauthenticated`.
    """
    return _account(session, _opened(session, seal, ticket, verifier))


def redeem(
    session: Session,
    ticket: str,
    verifier: str,
    origin: Origin,
    lasts: Lifetimes,
    second: Second,
    required: frozenset[str],
) -> Opened | Ask | Refusal:
    """Begin the session that a ticket is for. Raises `Unauthenticated` or `WrongCode`."""
    shown = _opened(session, second.seal, ticket, verifier)
    whose = _account(session, shown)
    if isinstance(whose, Refusal):
        return whose
    codes: tuple[str, ...] = ()
    if not (shown.provider.trusts_second_factor and shown.who.strong):
        # The rows are asked, not the guard: somebody who is new is not in its snapshot yet.
        must = second.required or _has_role(session, whose, required)
        found = passed(session, replace(second, required=must), whose)
        if isinstance(found, Ask):
            return found
        codes = found
    store.use_ticket(session, shown.digest)
    opened = begin_session(session, whose, origin, lasts, codes, by=shown.provider.id)
    provider_sessions.add(
        session,
        second.seal,
        opened.session,
        shown.provider.id,
        issuer=shown.who.issuer,
        subject=shown.who.subject,
        provider_sid=shown.who.session,
        tokens=shown.tokens,
    )
    return opened


def link(
    session: Session, seal: Seal, actor: Actor, ticket: str, verifier: str, fresh: timedelta
) -> SignInLinkId:
    """Let whoever the ticket is about be the one who shows it, who signed in just now."""
    me = refuse_not_fresh(session, actor, fresh)
    shown = _opened(session, seal, ticket, verifier)
    provider, who = shown.provider, shown.who
    held = store.find(session, provider.id, who.issuer, who.subject)
    if held is not None and held.user != me:
        raise Conflict(
            "That account is tied to another user already.",
            "该账号已与其他用户关联。",
            field="ticket",
        )
    store.use_ticket(session, shown.digest)
    if held is not None:
        return held.id
    _refuse_second_link(session, me, provider.id)
    return _tie(session, actor, me, shown)


def unlink(session: Session, actor: Actor, id: SignInLinkId, reaches: frozenset[UserId]) -> None:
    """Untie an account; the sessions it began end. One's last way in stays."""
    refuse_ended(session, actor)
    held = store.by_id(session, id)
    if held is None or (held.user != actor.user_id and held.user not in reaches):
        raise NotFound(f"No link {id} exists for you.", f"未找到您可管理的关联 {id}。", field="id")
    known = users.credentials_of(session, held.user)
    alone = len(store.of_user(session, held.user)) == 1
    mine = held.user == actor.user_id
    if mine and alone and (known is None or known.password_hash is None):
        raise BadInput(
            "This is your only way to sign in; ask an administrator for a password first.",
            "这是您唯一的登录方式，请先联系管理员设置密码。",
            field="id",
        )
    store.remove(session, id)
    provider_sessions.end_of_user(session, held.provider, held.user)
    changes = {"provider": [str(held.provider), None]}
    audit.record(session, audit.Entry(actor, "unlink", "User", str(held.user), changes=changes))


def _opened(session: Session, seal: Seal, ticket: str, verifier: str) -> _Shown:
    digest = token.digest(ticket)
    found = store.show_ticket(session, seal, digest)
    if found is None or not _answers(found.challenge, verifier):
        raise _stale()
    provider = providers.by_id(session, found.provider)
    at = datetime.fromisoformat(found.said["at"])
    who = Claimed(**found.said["who"])
    if provider is None or not provider.enabled or provider.issuer != who.issuer:
        raise _stale()
    if provider_sessions.logged_out_since(session, provider.id, who.subject, who.session, at):
        raise _stale()
    return _Shown(provider, who, found.said["tokens"], at, digest)


def _account(session: Session, shown: _Shown) -> UserId | Refusal:
    """Whose account this is: by the link; else by the verified address, where that is permitted."""
    provider, who = shown.provider, shown.who
    held = store.find(session, provider.id, who.issuer, who.subject)
    if held is not None:
        known = users.credentials_of(session, held.user)
        if known is None or not known.active:
            return _refused(session, provider, held.user, _shut_out())
        store.note_use(session, held.id)
        return held.user
    wanted = None
    if provider.admission is not Admission.LINKED:
        wanted = domain.username_for(who, provider.domains, provider.username_form)
    username = user_domain.asked_username(wanted) if wanted else ""
    if not username:
        return _refused(session, provider, None, _unknown())
    known = users.credentials(session, username)
    if known is not None:
        return _adopted(session, shown, known.id)
    if provider.admission is not Admission.EVERYBODY:
        return _refused(session, provider, None, _unknown())
    return _provisioned(session, shown, username)


def _adopted(session: Session, shown: _Shown, whose: UserId) -> UserId | Refusal:
    """Tie an account that was here before, unless that would be too much to leave to an address."""
    known, kind = users.credentials_of(session, whose), users.kind_of(session, whose)
    if known is None or not known.active or kind is not Kind.PERSON:
        return _refused(session, shown.provider, whose, _shut_out())
    tied = any(one.provider == shown.provider.id for one in store.of_user(session, whose))
    powerful = compile_rules(policies.snapshot(session), whose).may("Rule", "update")
    if tied or powerful:
        return _refused(session, shown.provider, whose, _tie_yourself())
    _tie(session, None, whose, shown)
    return whose


def _provisioned(session: Session, shown: _Shown, username: str) -> UserId:
    provider = shown.provider
    try:
        name = user_domain.display_name(shown.who.display_name[: user_domain.LONGEST_NAME])
    except BadInput:
        name = username
    policy.hold(session)
    id = users.add(
        session,
        username=username,
        display_name=name,
        kind=Kind.PERSON,
        department=provider.department,
        password_hash=None,
    )
    known = roles.names(session)
    users.give_roles(session, id, [one for one in provider.roles if one in known], known)
    version = policy.changed(session, "user")
    changes = {
        "provider": [None, str(provider.id)],
        "department": [None, str(provider.department) if provider.department else None],
        "roles": [None, ", ".join(provider.roles)],
    }
    audit.record(
        session,
        audit.Entry(None, "provision", "User", str(id), changes=changes, policy_version=version),
    )
    _tie(session, None, id, shown)
    return id


def _tie(session: Session, actor: Actor | None, whose: UserId, shown: _Shown) -> SignInLinkId:
    id = store.add(session, whose, shown.provider.id, shown.who.issuer, shown.who.subject)
    changes = {"provider": [None, str(shown.provider.id)]}
    audit.record(session, audit.Entry(actor, "link", "User", str(whose), changes=changes))
    return id


def _refuse_second_link(session: Session, whose: UserId, provider: ProviderId) -> None:
    if any(one.provider == provider for one in store.of_user(session, whose)):
        raise Conflict(
            "You are tied to another account of this provider; unlink that one first.",
            "您已关联该登录方式下的另一账号，请先解除关联。",
            field="ticket",
        )


def _has_role(session: Session, whose: UserId, required: frozenset[str]) -> bool:
    if not required:
        return False
    return bool(required & subjects(policies.snapshot(session), whose).keys())


def _answers(challenge: str, verifier: str) -> bool:
    return hmac.compare_digest(challenge.encode(), challenge_of(verifier).encode())


def challenge_of(verifier: str) -> str:
    """How the text that a frontend keeps is said aloud (RFC 7636, S256)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _refused(session: Session, provider: ProviderRow, whose: UserId | None, why: Denied) -> Refusal:
    audit.record(
        session,
        audit.Entry(
            None,
            "sign_in",
            "User",
            str(whose) if whose else "unknown",
            changes={"provider": [None, str(provider.id)]},
            decision="deny",
        ),
    )
    return Refusal(why)


def _stale() -> Unauthenticated:
    return Unauthenticated(
        "This sign-in is over or not yours; begin again.",
        "本次登录已失效，请重新开始。",
        field="ticket",
    )


def _unknown() -> Denied:
    return Denied(
        "Nobody here is tied to that account. Sign in with your password and tie it, "
        "or ask an administrator.",
        "该账号尚未与任何用户关联。请先用密码登录并关联，或联系管理员。",
        field="ticket",
    )


def _shut_out() -> Denied:
    return Denied(
        "The user of that account may not sign in; ask an administrator.",
        "该账号对应的用户不允许登录，请联系管理员。",
        field="ticket",
    )


def _tie_yourself() -> Denied:
    return Denied(
        "This user is not tied to an account by its address alone: sign in with the password "
        "and tie it yourself.",
        "该用户不能仅凭邮箱自动关联，请先用密码登录再自行关联。",
        field="ticket",
    )
