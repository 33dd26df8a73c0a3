"""Open, renew and end sessions.

Refusals are values, not exceptions: what a refused command recorded must be committed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from chassis.actor import Actor
from chassis.audit import events as audit
from chassis.errors import NotFound
from identity.core.domain.ids import ProviderId, SessionId, UserId
from identity.people.store import user as users
from identity.sign_in.commands.second_factor import FactorCheck, check_factor
from identity.sign_in.commands.session_guard import require_open_session, session_ended
from identity.sign_in.domain import token
from identity.sign_in.domain.device import Origin
from identity.sign_in.domain.second_factor import SignInNeed
from identity.sign_in.domain.session import Ending, Verdict, decide_renewal
from identity.sign_in.store import session as store
from identity.sign_in.store.session import SessionRow


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long a session lasts without use, and how long at most."""

    idle: timedelta
    absolute: timedelta


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A session with the refresh token that renews it next."""

    session: SessionId
    user: UserId
    refresh_token: str
    recovery_codes: tuple[str, ...] = ()


def open_session(
    session: Session,
    user: UserId,
    checked_hash: str,
    origin: Origin,
    lifetimes: Lifetimes,
    factor_check: FactorCheck,
    new_hash: str | None = None,
) -> OpenedSession | SignInNeed | None:
    """Open a session for a user whose password was right; None if it changed meanwhile.

    A `new_hash` replaces a password that has to be changed. Raises `InvalidFactor`.
    """
    credentials = users.credentials_of(session, user)
    if credentials is None or not credentials.active or credentials.password_hash != checked_hash:
        return None
    if credentials.must_change and new_hash is None:
        return SignInNeed.NEW_PASSWORD
    outcome = check_factor(session, factor_check, user)
    if isinstance(outcome, SignInNeed):
        return outcome
    if credentials.must_change and new_hash is not None:
        users.change(session, user, password_hash=new_hash, must_change_password=False)
        store.end_all(session, user, Ending.PASSWORD_CHANGED)
        audit.record(session, audit.Entry(Actor(user), "change_password", "User", str(user)))
    return begin_session(session, user, origin, lifetimes, outcome)


def begin_session(
    session: Session,
    user: UserId,
    origin: Origin,
    lifetimes: Lifetimes,
    recovery_codes: tuple[str, ...],
    *,
    provider: ProviderId | None = None,
) -> OpenedSession:
    """Open a session for a user who passed every check."""
    id = store.open_session(session, user, origin.address, lifetimes.absolute, device=origin.device)
    changes = {"provider": [None, str(provider)]} if provider else None
    audit.record(
        session, audit.Entry(Actor(user, id), "sign_in", "Session", str(id), changes=changes)
    )
    return OpenedSession(id, user, _issue_refresh_token(session, id, lifetimes), recovery_codes)


def record_refused_sign_in(session: Session, user: UserId | None) -> None:
    """Record a refused sign-in; a known and an unknown user take the same time."""
    audit.record(
        session,
        audit.Entry(
            None,
            "sign_in",
            "User",
            str(user) if user else "unknown",
            decision="deny",
        ),
    )


def renew_session(
    session: Session, refresh_token: str, lifetimes: Lifetimes
) -> OpenedSession | Verdict:
    """Exchange a refresh token for the next one; one that was used before ends its family."""
    digest = token.token_digest(refresh_token)
    token_row = store.lock_refresh_token(session, digest)
    verdict = decide_renewal(token_row.state if token_row else None)
    if token_row is None:
        return verdict
    match verdict:
        case Verdict.RENEW:
            store.use_refresh_token(session, digest)
            return OpenedSession(
                token_row.session,
                token_row.user,
                _issue_refresh_token(session, token_row.session, lifetimes),
            )
        case Verdict.REUSED:
            if store.end(session, token_row.session, Ending.TOKEN_REUSED):
                _record_end(session, None, token_row.session, Ending.TOKEN_REUSED)
    return verdict


def sign_out(session: Session, actor: Actor | None, refresh_token: str | None) -> SessionId | None:
    """End the session of a refresh token, or of the access token; return its id if it was open.

    Repeating it changes nothing.
    """
    token_row = (
        store.lock_refresh_token(session, token.token_digest(refresh_token))
        if refresh_token
        else None
    )
    id = token_row.session if token_row else None
    if id is None and not refresh_token and actor is not None and actor.session_id is not None:
        id = SessionId(actor.session_id)
    if id is not None and store.end(session, id, Ending.SIGNED_OUT):
        session_actor = Actor(token_row.user, id) if token_row else actor
        _record_end(session, session_actor, id, Ending.SIGNED_OUT)
        return id
    return None


def change_password(session: Session, actor: Actor, checked_hash: str, new_hash: str) -> None:
    """Set the caller's own new password and end all their other sessions."""
    require_open_session(session, actor)
    user_id = UserId(actor.user_id)
    credentials = users.credentials_of(session, user_id)
    if credentials is None or not credentials.active or credentials.password_hash != checked_hash:
        raise session_ended()
    users.change(session, user_id, password_hash=new_hash, must_change_password=False)
    current_session = SessionId(actor.session_id) if actor.session_id else None
    store.end_all(session, user_id, Ending.PASSWORD_CHANGED, except_id=current_session)
    audit.record(session, audit.Entry(actor, "change_password", "User", str(user_id)))


def rehash(session: Session, user: UserId, checked_hash: str, new_hash: str) -> None:
    """Store the same password with today's hashing cost."""
    credentials = users.credentials_of(session, user)
    if credentials is not None and credentials.password_hash == checked_hash:
        users.change(session, user, password_hash=new_hash)


def end_session(
    session: Session, actor: Actor, id: SessionId, *, manageable: frozenset[UserId]
) -> SessionRow:
    """End a session of the caller, or of a user in `manageable`, and return it."""
    session_row = store.by_id(session, id)
    if session_row is None or (
        session_row.user != actor.user_id and session_row.user not in manageable
    ):
        raise NotFound(
            f"You have no session {id} and may manage none with this id.",
            f"未找到属于您或由您管理的会话 {id}。",
            field="id",
        )
    is_own = session_row.user == actor.user_id
    ending = Ending.ENDED_BY_OWNER if is_own else Ending.ENDED_BY_ADMINISTRATOR
    if store.end(session, id, ending):
        _record_end(session, actor, id, ending)
    ended = store.by_id(session, id)
    assert ended is not None
    return ended


def end_sessions(
    session: Session, actor: Actor, user_id: UserId, *, except_id: SessionId | None = None
) -> int:
    """End all sessions of a user, except one if given, and return how many ended.

    The caller of this function has checked that the actor may do so.
    """
    require_open_session(session, actor)
    is_own = user_id == actor.user_id
    ending = Ending.ENDED_BY_OWNER if is_own else Ending.ENDED_BY_ADMINISTRATOR
    ended = store.end_all(session, user_id, ending, except_id=except_id)
    if ended:
        changes = {"sessions_ended": [None, str(ended)]}
        audit.record(
            session, audit.Entry(actor, "end_sessions", "User", str(user_id), changes=changes)
        )
    return ended


def delete_expired_sessions(session: Session, age: timedelta) -> int:
    """Delete sessions that expired so long ago that nothing refers to them, and return how many."""
    return store.delete_expired(session, age)


def _issue_refresh_token(session: Session, id: SessionId, lifetimes: Lifetimes) -> str:
    refresh_token = token.new_refresh_token()
    store.add_refresh_token(session, id, token.token_digest(refresh_token), lifetimes.idle)
    return refresh_token


def _record_end(session: Session, actor: Actor | None, id: SessionId, ending: Ending) -> None:
    changes = {"ending": [None, ending.value]}
    audit.record(session, audit.Entry(actor, "end", "Session", str(id), changes=changes))
