"""Signing in, staying signed in, and ending it. Refusals are values, for what they record must stay."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from chassis.actor import Actor
from chassis.audit import events as audit
from chassis.errors import NotFound
from identity.core.domain.ids import ProviderId, SessionId, UserId
from identity.people.store import user as users
from identity.sign_in.commands.second_factor import Second, passed
from identity.sign_in.commands.signed_in import over, refuse_ended
from identity.sign_in.domain import token
from identity.sign_in.domain.device import Origin
from identity.sign_in.domain.second_factor import Ask
from identity.sign_in.domain.session import Ending, Verdict, decide
from identity.sign_in.store import session as store
from identity.sign_in.store.session import SessionRow


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long a session lasts, unused and at most."""

    unused: timedelta
    at_most: timedelta


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that goes on, with the one token that renews it next."""

    session: SessionId
    user: UserId
    refresh_token: str
    recovery_codes: tuple[str, ...] = ()


def open_session(
    session: Session,
    user: UserId,
    checked_hash: str,
    origin: Origin,
    lasts: Lifetimes,
    second: Second,
    new_hash: str | None = None,
) -> Opened | Ask | None:
    """Begin a session for somebody whose password was right; None if that changed meanwhile.

    With the hash of a new password it takes the place of one that has to be changed.
    Raises `WrongCode`.
    """
    present = users.credentials_of(session, user)
    if present is None or not present.active or present.password_hash != checked_hash:
        return None
    if present.must_change and new_hash is None:
        return Ask.NEW_PASSWORD
    found = passed(session, second, user)
    if isinstance(found, Ask):
        return found
    if present.must_change and new_hash is not None:
        users.change(session, user, password_hash=new_hash, must_change_password=False)
        store.end_all(session, user, Ending.PASSWORD_CHANGED)
        audit.record(session, audit.Entry(Actor(user), "change_password", "User", str(user)))
    return begin_session(session, user, origin, lasts, found)


def begin_session(
    session: Session,
    user: UserId,
    origin: Origin,
    lasts: Lifetimes,
    recovery_codes: tuple[str, ...],
    *,
    by: ProviderId | None = None,
) -> Opened:
    """Begin a session for somebody who showed everything they have to."""
    id = store.open_(session, user, origin.address, lasts.at_most, device=origin.device)
    changes = {"provider": [None, str(by)]} if by else None
    audit.record(
        session, audit.Entry(Actor(user, id), "sign_in", "Session", str(id), changes=changes)
    )
    return Opened(id, user, _issue(session, id, lasts), recovery_codes)


def note_refused(session: Session, user: UserId | None) -> None:
    """A refused sign-in is an event too; whether the user exists makes no difference in time."""
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


def renew(session: Session, shown: str, lasts: Lifetimes) -> Opened | Verdict:
    """Trade a refresh token for the next one; one that was used before ends its whole family."""
    digest = token.digest(shown)
    held = store.held(session, digest)
    verdict = decide(held.shown if held else None)
    if held is None:
        return verdict
    match verdict:
        case Verdict.RENEW:
            store.use(session, digest)
            return Opened(held.session, held.user, _issue(session, held.session, lasts))
        case Verdict.REUSED:
            if store.end(session, held.session, Ending.TOKEN_REUSED):
                _tell_end(session, None, held.session, Ending.TOKEN_REUSED)
    return verdict


def sign_out(session: Session, actor: Actor | None, shown: str | None) -> SessionId | None:
    """End the session of a refresh token, or the one the access token names; answer which.

    Twice is as once."""
    held = store.held(session, token.digest(shown)) if shown else None
    id = held.session if held else None
    if id is None and not shown and actor is not None and actor.session_id is not None:
        id = SessionId(actor.session_id)
    if id is not None and store.end(session, id, Ending.SIGNED_OUT):
        whose = Actor(held.user, id) if held else actor
        _tell_end(session, whose, id, Ending.SIGNED_OUT)
        return id
    return None


def change_password(session: Session, actor: Actor, checked_hash: str, hashed: str) -> None:
    """Take a new password of one's own; every other session ends."""
    refuse_ended(session, actor)
    me = UserId(actor.user_id)
    present = users.credentials_of(session, me)
    if present is None or not present.active or present.password_hash != checked_hash:
        raise over()
    users.change(session, me, password_hash=hashed, must_change_password=False)
    mine = SessionId(actor.session_id) if actor.session_id else None
    store.end_all(session, me, Ending.PASSWORD_CHANGED, but=mine)
    audit.record(session, audit.Entry(actor, "change_password", "User", str(me)))


def rehash(session: Session, user: UserId, checked_hash: str, hashed: str) -> None:
    """Keep the same password at today's cost."""
    present = users.credentials_of(session, user)
    if present is not None and present.password_hash == checked_hash:
        users.change(session, user, password_hash=hashed)


def end_session(
    session: Session, actor: Actor, id: SessionId, *, reaches: frozenset[UserId]
) -> SessionRow:
    """End one session: one's own, or one of somebody who is in reach."""
    found = store.by_id(session, id)
    if found is None or (found.user != actor.user_id and found.user not in reaches):
        raise NotFound(
            f"No session {id} exists for you.", f"未找到您可管理的会话 {id}。", field="id"
        )
    mine = found.user == actor.user_id
    ending = Ending.ENDED_BY_OWNER if mine else Ending.ENDED_BY_ADMINISTRATOR
    if store.end(session, id, ending):
        _tell_end(session, actor, id, ending)
    ended = store.by_id(session, id)
    assert ended is not None
    return ended


def end_sessions(
    session: Session, actor: Actor, whose: UserId, *, but: SessionId | None = None
) -> int:
    """End all sessions of somebody, or all but one; answer how many. The caller says they may."""
    refuse_ended(session, actor)
    mine = whose == actor.user_id
    ending = Ending.ENDED_BY_OWNER if mine else Ending.ENDED_BY_ADMINISTRATOR
    ended = store.end_all(session, whose, ending, but=but)
    if ended:
        changes = {"sessions_ended": [None, str(ended)]}
        audit.record(
            session, audit.Entry(actor, "end_sessions", "User", str(whose), changes=changes)
        )
    return ended


def forget_expired(session: Session, older: timedelta) -> int:
    """Delete what nobody can use or learn from any more."""
    return store.forget(session, older)


def _issue(session: Session, id: SessionId, lasts: Lifetimes) -> str:
    fresh = token.refresh_token()
    store.issue(session, id, token.digest(fresh), lasts.unused)
    return fresh


def _tell_end(session: Session, actor: Actor | None, id: SessionId, ending: Ending) -> None:
    changes = {"ending": [None, ending.value]}
    audit.record(session, audit.Entry(actor, "end", "Session", str(id), changes=changes))
