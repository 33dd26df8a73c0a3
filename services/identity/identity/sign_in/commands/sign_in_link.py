"""From the claims of a provider to a session here: a ticket, an account, a session.

The ticket binds three things: the claims of the provider, the browser that brought them, and the
frontend that began the sign-in (only that one knows the text whose hash the ticket carries). So a
leaked ticket does not sign anyone in, and no one can be signed in to a foreign account unnoticed.
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
from identity.core.commands import policy_version
from identity.core.domain.ids import ProviderId, SignInLinkId, UserId
from identity.core.domain.seal import Seal
from identity.core.store import policy as policies
from identity.people.domain import user as user_domain
from identity.people.domain.user import Kind
from identity.people.store import role as roles, user as users
from identity.sign_in.commands.second_factor import FactorCheck, check_factor
from identity.sign_in.commands.session import Lifetimes, OpenedSession, begin_session
from identity.sign_in.commands.session_guard import require_open_session, require_recent_sign_in
from identity.sign_in.domain import provider as domain, token
from identity.sign_in.domain.device import Origin
from identity.sign_in.domain.provider import Admission, ExternalIdentity
from identity.sign_in.domain.second_factor import SignInNeed
from identity.sign_in.store import (
    provider as providers,
    provider_session as provider_sessions,
    sign_in_link as store,
)
from identity.sign_in.store.provider import ProviderRow

TICKET_LIFETIME = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused sign-in with its error; a value, because what was recorded must be committed."""

    error: Denied


@dataclass(frozen=True, slots=True)
class _OpenedTicket:
    """A valid ticket with its unsealed content."""

    provider: ProviderRow
    identity: ExternalIdentity
    tokens: Mapping[str, Any]
    digest: bytes


def issue_ticket(
    session: Session,
    seal: Seal,
    provider: ProviderId,
    identity: ExternalIdentity,
    tokens: Mapping[str, Any],
    challenge: str,
) -> str:
    """Store the claims of a provider, sealed, and return the ticket that stands for them."""
    ticket = token.new_refresh_token()
    content = {"who": asdict(identity), "tokens": dict(tokens), "at": datetime.now(UTC).isoformat()}
    digest = token.token_digest(ticket)
    store.add_ticket(session, seal, digest, provider, challenge, content, TICKET_LIFETIME)
    return ticket


def resolve_user(session: Session, seal: Seal, ticket: str, verifier: str) -> UserId | Refusal:
    """Return the user that a ticket is about.

    Links or creates the account where the provider's admission permits it. Raises
    `Unauthenticated`.
    """
    return _resolve_user(session, _open_ticket(session, seal, ticket, verifier))


def redeem_ticket(
    session: Session,
    ticket: str,
    verifier: str,
    origin: Origin,
    lifetimes: Lifetimes,
    factor_check: FactorCheck,
    required_roles: frozenset[str],
) -> OpenedSession | SignInNeed | Refusal:
    """Begin the session that a ticket is for. Raises `Unauthenticated` or `InvalidFactor`."""
    opened_ticket = _open_ticket(session, factor_check.seal, ticket, verifier)
    user_id = _resolve_user(session, opened_ticket)
    if isinstance(user_id, Refusal):
        return user_id
    recovery_codes: tuple[str, ...] = ()
    if not (opened_ticket.provider.trusts_second_factor and opened_ticket.identity.strong):
        # Reads the rows, not the guard: a user created just now is not in its snapshot yet.
        is_required = factor_check.required or _has_role(session, user_id, required_roles)
        outcome = check_factor(session, replace(factor_check, required=is_required), user_id)
        if isinstance(outcome, SignInNeed):
            return outcome
        recovery_codes = outcome
    store.delete_ticket(session, opened_ticket.digest)
    opened_session = begin_session(
        session, user_id, origin, lifetimes, recovery_codes, provider=opened_ticket.provider.id
    )
    provider_sessions.add(
        session,
        factor_check.seal,
        opened_session.session,
        opened_ticket.provider.id,
        issuer=opened_ticket.identity.issuer,
        subject=opened_ticket.identity.subject,
        provider_sid=opened_ticket.identity.session,
        tokens=opened_ticket.tokens,
    )
    return opened_session


def link_account(
    session: Session, seal: Seal, actor: Actor, ticket: str, verifier: str, max_age: timedelta
) -> SignInLinkId:
    """Link the account of a ticket to the caller, who signed in just now."""
    user_id = require_recent_sign_in(session, actor, max_age)
    opened_ticket = _open_ticket(session, seal, ticket, verifier)
    provider, identity = opened_ticket.provider, opened_ticket.identity
    existing_link = store.lock_by_subject(session, provider.id, identity.issuer, identity.subject)
    if existing_link is not None and existing_link.user != user_id:
        raise Conflict(
            "The account at the provider is linked to another user; "
            "ask an administrator to unlink it.",
            "该提供方账号已与其他用户关联，请联系管理员解除关联。",
            field="ticket",
        )
    store.delete_ticket(session, opened_ticket.digest)
    if existing_link is not None:
        return existing_link.id
    _refuse_second_link(session, user_id, provider.id)
    return _add_link(session, actor, user_id, opened_ticket)


def unlink_account(
    session: Session, actor: Actor, id: SignInLinkId, manageable: frozenset[UserId]
) -> None:
    """Remove a link and end the sessions it began; the caller's last way to sign in stays."""
    require_open_session(session, actor)
    link_row = store.by_id(session, id)
    if link_row is None or (link_row.user != actor.user_id and link_row.user not in manageable):
        raise NotFound(
            f"You have no link {id} and may manage none with this id.",
            f"未找到属于您或由您管理的关联 {id}。",
            field="id",
        )
    credentials = users.credentials_of(session, link_row.user)
    is_only_link = len(store.of_user(session, link_row.user)) == 1
    is_own = link_row.user == actor.user_id
    if is_own and is_only_link and (credentials is None or credentials.password_hash is None):
        raise BadInput(
            "This link is your only way to sign in; ask an administrator for a password first.",
            "该关联是您唯一的登录方式，请先联系管理员设置密码。",
            field="id",
        )
    store.remove(session, id)
    provider_sessions.end_of_user(session, link_row.provider, link_row.user)
    changes = {"provider": [str(link_row.provider), None]}
    audit.record(session, audit.Entry(actor, "unlink", "User", str(link_row.user), changes=changes))


def _open_ticket(session: Session, seal: Seal, ticket: str, verifier: str) -> _OpenedTicket:
    digest = token.token_digest(ticket)
    ticket_row = store.lock_ticket(session, seal, digest)
    if ticket_row is None or not _matches_challenge(ticket_row.challenge, verifier):
        raise _invalid_ticket()
    provider = providers.by_id(session, ticket_row.provider)
    issued_at = datetime.fromisoformat(ticket_row.content["at"])
    identity = ExternalIdentity(**ticket_row.content["who"])
    if provider is None or not provider.enabled or provider.issuer != identity.issuer:
        raise _invalid_ticket()
    if provider_sessions.logged_out_since(
        session, provider.id, identity.subject, identity.session, issued_at
    ):
        raise _invalid_ticket()
    return _OpenedTicket(provider, identity, ticket_row.content["tokens"], digest)


def _resolve_user(session: Session, opened_ticket: _OpenedTicket) -> UserId | Refusal:
    """Find the user by the link, else by the verified address where the admission permits it."""
    provider, identity = opened_ticket.provider, opened_ticket.identity
    existing_link = store.lock_by_subject(session, provider.id, identity.issuer, identity.subject)
    if existing_link is not None:
        credentials = users.credentials_of(session, existing_link.user)
        if credentials is None or not credentials.active:
            return _record_refusal(session, provider, existing_link.user, _user_inactive())
        store.record_use(session, existing_link.id)
        return existing_link.user
    requested_name = None
    if provider.admission is not Admission.LINKED:
        requested_name = domain.username_for(identity, provider.domains, provider.username_form)
    username = user_domain.asked_username(requested_name) if requested_name else ""
    if not username:
        return _record_refusal(session, provider, None, _not_linked())
    credentials = users.credentials(session, username)
    if credentials is not None:
        return _link_existing_user(session, opened_ticket, credentials.id)
    if provider.admission is not Admission.EVERYBODY:
        return _record_refusal(session, provider, None, _not_linked())
    return _create_user(session, opened_ticket, username)


def _link_existing_user(
    session: Session, opened_ticket: _OpenedTicket, user_id: UserId
) -> UserId | Refusal:
    """Link an existing user by address, unless an address is too weak a proof for this user."""
    credentials, kind = users.credentials_of(session, user_id), users.kind_of(session, user_id)
    if credentials is None or not credentials.active or kind is not Kind.PERSON:
        return _record_refusal(session, opened_ticket.provider, user_id, _user_inactive())
    is_linked = any(
        link_row.provider == opened_ticket.provider.id
        for link_row in store.of_user(session, user_id)
    )
    may_change_policy = compile_rules(policies.snapshot(session), user_id).may("Rule", "update")
    if is_linked or may_change_policy:
        return _record_refusal(session, opened_ticket.provider, user_id, _link_required())
    _add_link(session, None, user_id, opened_ticket)
    return user_id


def _create_user(session: Session, opened_ticket: _OpenedTicket, username: str) -> UserId:
    provider = opened_ticket.provider
    try:
        name = user_domain.display_name(
            opened_ticket.identity.display_name[: user_domain.LONGEST_NAME]
        )
    except BadInput:
        name = username
    policy_version.hold(session)
    id = users.add(
        session,
        username=username,
        display_name=name,
        kind=Kind.PERSON,
        department=provider.department,
        password_hash=None,
    )
    role_ids = roles.names(session)
    users.give_roles(
        session, id, [role_name for role_name in provider.roles if role_name in role_ids], role_ids
    )
    version = policy_version.count_up(session, "user")
    changes = {
        "provider": [None, str(provider.id)],
        "department": [None, str(provider.department) if provider.department else None],
        "roles": [None, ", ".join(provider.roles)],
    }
    audit.record(
        session,
        audit.Entry(None, "provision", "User", str(id), changes=changes, policy_version=version),
    )
    _add_link(session, None, id, opened_ticket)
    return id


def _add_link(
    session: Session, actor: Actor | None, user_id: UserId, opened_ticket: _OpenedTicket
) -> SignInLinkId:
    id = store.add(
        session,
        user_id,
        opened_ticket.provider.id,
        opened_ticket.identity.issuer,
        opened_ticket.identity.subject,
    )
    changes = {"provider": [None, str(opened_ticket.provider.id)]}
    audit.record(session, audit.Entry(actor, "link", "User", str(user_id), changes=changes))
    return id


def _refuse_second_link(session: Session, user_id: UserId, provider: ProviderId) -> None:
    if any(link_row.provider == provider for link_row in store.of_user(session, user_id)):
        raise Conflict(
            "You are linked to another account of this provider; unlink that one first.",
            "您已关联该登录方式下的另一账号，请先解除关联。",
            field="ticket",
        )


def _has_role(session: Session, user_id: UserId, required_roles: frozenset[str]) -> bool:
    if not required_roles:
        return False
    return bool(required_roles & subjects(policies.snapshot(session), user_id).keys())


def _matches_challenge(challenge: str, verifier: str) -> bool:
    return hmac.compare_digest(challenge.encode(), code_challenge(verifier).encode())


def code_challenge(verifier: str) -> str:
    """Return the S256 code challenge of a code verifier (RFC 7636, 4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _record_refusal(
    session: Session, provider: ProviderRow, user_id: UserId | None, error: Denied
) -> Refusal:
    audit.record(
        session,
        audit.Entry(
            None,
            "sign_in",
            "User",
            str(user_id) if user_id else "unknown",
            changes={"provider": [None, str(provider.id)]},
            decision="deny",
        ),
    )
    return Refusal(error)


def _invalid_ticket() -> Unauthenticated:
    return Unauthenticated(
        "ticket is expired, was used, or belongs to another sign-in; begin again.",
        "ticket 已过期、已使用或不属于本次登录，请重新开始。",
        field="ticket",
    )


def _not_linked() -> Denied:
    return Denied(
        "No user is linked to this account. Sign in with your password and link it, "
        "or ask an administrator.",
        "该账号尚未与任何用户关联。请先用密码登录并关联，或联系管理员。",
        field="ticket",
    )


def _user_inactive() -> Denied:
    return Denied(
        "The user linked to this account is not permitted to sign in; ask an administrator.",
        "该账号对应的用户不允许登录，请联系管理员。",
        field="ticket",
    )


def _link_required() -> Denied:
    return Denied(
        "This user cannot be linked by e-mail address alone; sign in with the password and link "
        "the account yourself.",
        "该用户不能仅凭邮箱地址自动关联，请先用密码登录，再自行关联账号。",
        field="ticket",
    )
