"""Follow the provider that began a session: what ends there, ends here."""

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


def log_out(session: Session, provider: ProviderId, logout: Logout) -> int:
    """End the sessions that a logout token names and return how many.

    Repeating it changes nothing.
    """
    if not store.record_logout(session, provider, logout):
        return 0
    ended_ids = store.end_logged_out(session, provider, logout)
    for id in ended_ids:
        _record_end(session, id)
    return len(ended_ids)


def claim_check(session: Session, id: SessionId, interval: timedelta) -> bool:
    """Return whether this caller is to ask the provider now if the session is still alive."""
    return store.claim_check(session, id, interval)


def record_confirmation(
    session: Session, seal: Seal, id: SessionId, tokens: Mapping[str, Any]
) -> None:
    """Record that the provider confirmed a session, with its new tokens."""
    store.record_answer(session, seal, id, tokens)


def end_by_provider(session: Session, id: SessionId) -> None:
    """End a session because its provider ended it."""
    if sessions.end(session, id, Ending.PROVIDER_ENDED):
        _record_end(session, id)


def end_if_silent(session: Session, id: SessionId, grace: timedelta) -> bool:
    """End a session whose provider has not answered for a grace period; return whether it ended."""
    if not store.is_silent(session, id, grace):
        return False
    end_by_provider(session, id)
    return True


def _record_end(session: Session, id: SessionId) -> None:
    changes = {"ending": [None, Ending.PROVIDER_ENDED.value]}
    audit.record(session, audit.Entry(None, "end", "Session", str(id), changes=changes))
