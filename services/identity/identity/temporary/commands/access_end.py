"""What is done by the clock when access ends by itself.

Nothing here enforces the end: every process knows the moment and refuses from then on. This ends the
sessions for good, writes it down, and tells of it beforehand while it can still be extended.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from chassis.audit import events as audit
from chassis.facts.outbox import record
from identity.core.commands import policy_version
from identity.core.domain import facts
from identity.people.store import user as users
from identity.sign_in.domain.session import Ending
from identity.sign_in.store import session as sessions
from identity.temporary.store import access_end as store

REMINDED_DAYS = (14, 7, 1)


def settle(session: Session) -> int:
    """End the sessions of everybody whose access ended; answer how many people that were."""
    policy_version.hold(session)
    gone = store.claim_ended(session)
    if not gone:
        return 0
    version = policy_version.count_up(session, "user")
    for id in gone:
        ended = sessions.end_all(session, id, Ending.ACCESS_ENDED)
        audit.record(
            session,
            audit.Entry(
                None,
                "access_ended",
                "User",
                str(id),
                changes={"sessions_ended": [None, str(ended)]},
                policy_version=version,
            ),
        )
    return len(gone)


def remind(session: Session) -> int:
    """Tell of access that ends within 14, 7 and 1 days, once each; answer how many were told of."""
    soon = store.claim_ending(session, REMINDED_DAYS)
    for one in soon:
        body = {"until": one.until.isoformat(), "days": one.days, **users.told(session, one.user)}
        record(session, facts.ACCESS_END_ANNOUNCED.about(one.user, body))
    return len(soon)
