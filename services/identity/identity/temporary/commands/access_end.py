"""Settle access that ended by itself, and announce access that ends soon.

Nothing here enforces the end: every process knows the moment and refuses from then on. These
commands, called on a schedule, end the sessions for good, record it in the ledger, and announce the
end beforehand while it can still be extended.
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
    """End the sessions of all users whose access ended; return how many users there were."""
    policy_version.hold(session)
    user_ids = store.claim_ended(session)
    if not user_ids:
        return 0
    version = policy_version.count_up(session, "user")
    for id in user_ids:
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
    return len(user_ids)


def remind(session: Session) -> int:
    """Record a fact for access that ends within 14, 7 and 1 days, once each; return how many."""
    endings = store.claim_ending(session, REMINDED_DAYS)
    for ending in endings:
        body = {
            "until": ending.until.isoformat(),
            "days": ending.days,
            **users.identified(session, ending.user),
        }
        record(session, facts.ACCESS_END_ANNOUNCED.about(ending.user, body))
    return len(endings)
