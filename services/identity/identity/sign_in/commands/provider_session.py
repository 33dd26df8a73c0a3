"""What a provider says of a session later: it goes on, or it ended there and so it ends here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from chassis.audit import events as audit
from identity.core.domain.ids import ProviderId, SessionId
from identity.core.domain.seal import Seal
from identity.sign_in.domain.id_token import Logout
from identity.sign_in.domain.session import Ending
from identity.sign_in.store import provider_session as store, session as sessions


def log_out(session: Session, provider: ProviderId, told: Logout) -> int:
    """End the sessions that a logout token names; answer how many. Twice is as once."""
    if not store.note_logout(session, provider, told):
        return 0
    ended = store.end_of(session, provider, told)
    for id in ended:
        _tell(session, id)
    return len(ended)


def claim(session: Session, id: SessionId, every: timedelta) -> bool:
    """Whether the provider is to be asked now whether the session goes on."""
    return store.claim(session, id, every)


def goes_on(session: Session, seal: Seal, id: SessionId, tokens: Mapping[str, Any]) -> None:
    """Keep the tokens that the provider answered with."""
    store.answered(session, seal, id, tokens)


def ended_there(session: Session, id: SessionId) -> None:
    """The provider says that the session is over."""
    if sessions.end(session, id, Ending.PROVIDER_ENDED):
        _tell(session, id)


def silent_too_long(session: Session, id: SessionId, grace: timedelta) -> bool:
    """End a session whose provider has not answered for so long; answer whether it had to be."""
    if not store.is_silent(session, id, grace):
        return False
    ended_there(session, id)
    return True


def _tell(session: Session, id: SessionId) -> None:
    changes = {"ending": [None, Ending.PROVIDER_ENDED.value]}
    audit.record(session, audit.Entry(None, "end", "Session", str(id), changes=changes))
