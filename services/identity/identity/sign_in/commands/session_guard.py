"""Require an open session, or a recent sign-in, where an access token alone is not enough.

An access token outlives its session by minutes. Sensitive commands therefore check the session
itself, and commands that change how a user signs in require a recent one.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session

from chassis.actor import Actor
from chassis.errors import Denied, Unauthenticated
from identity.core.domain.ids import SessionId, UserId
from identity.sign_in.store import session as sessions


def require_open_session(session: Session, actor: Actor) -> None:
    """Raise `Unauthenticated` if the session of the actor has ended."""
    if actor.session_id is None or not sessions.is_open(session, SessionId(actor.session_id)):
        raise session_ended()


def require_recent_sign_in(session: Session, actor: Actor, max_age: timedelta) -> UserId:
    """Return the actor's user id if they signed in less than `max_age` ago.

    A token that was stolen earlier must not be enough to add a permanent way to sign in. Raises
    `Denied`, or `Unauthenticated` for an ended session.
    """
    require_open_session(session, actor)
    assert actor.session_id is not None
    if not sessions.began_within(session, SessionId(actor.session_id), max_age):
        raise Denied(
            "This action requires a sign-in within the last few minutes; sign in again first.",
            "此操作要求在最近几分钟内登录过，请先重新登录。",
            reauthenticate=True,
        )
    return UserId(actor.user_id)


def session_ended() -> Unauthenticated:
    """Return the error for a request of an ended session."""
    return Unauthenticated("The session has ended; sign in again.", "会话已结束，请重新登录。")
