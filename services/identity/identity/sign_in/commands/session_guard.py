"""What matters asks the session itself; what changes how somebody signs in asks for a new one."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session

from chassis.actor import Actor
from chassis.errors import Denied, Unauthenticated
from identity.core.domain.ids import SessionId, UserId
from identity.sign_in.store import session as sessions


def refuse_ended(session: Session, actor: Actor) -> None:
    """An access token outlives its session by minutes; what matters asks the session itself."""
    if actor.session_id is None or not sessions.is_open(session, SessionId(actor.session_id)):
        raise over()


def refuse_not_fresh(session: Session, actor: Actor, fresh: timedelta) -> UserId:
    """A token that was stolen an hour ago must not make itself a way in for ever."""
    refuse_ended(session, actor)
    assert actor.session_id is not None
    if not sessions.began_within(session, SessionId(actor.session_id), fresh):
        raise Denied(
            "Sign in again first: this asks for a sign-in of the last minutes.",
            "请先重新登录：此操作要求最近几分钟内登录。",
            reauthenticate=True,
        )
    return UserId(actor.user_id)


def over() -> Unauthenticated:
    """What somebody is told whose session ended."""
    return Unauthenticated("This session is over; sign in again.", "会话已结束，请重新登录。")
