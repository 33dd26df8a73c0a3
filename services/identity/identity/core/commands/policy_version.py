"""The version of the policy counts every change that a policy decision depends on.

A command holds the version, makes its change and counts the version up. Version, fact and change
are one transaction, so the processes that publish the policy hear of it after the commit, never
before.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.orm import Session

from chassis.audit import events as audit
from chassis.facts.outbox import record
from identity.core.domain import facts
from identity.core.domain.version import refuse_stale
from identity.core.store import policy as store


def hold(session: Session, expected: int | None = None) -> int:
    """Lock the policy until the transaction ends and return its present version.

    Raises `Conflict` if `expected` is another version.
    """
    version = store.hold(session)
    refuse_stale(version, expected, what="the policy")
    return version


def count_up(session: Session, what: str) -> int:
    """Count the version up, record the fact and return the new version.

    `what` names the kind of change: `user`, `role`, `rule`, …
    """
    version = store.bump(session)
    body = {"version": version, "what": what}
    record(session, facts.POLICY_CHANGED.about(version, body))
    return version


def record_change(session: Session, what: str, entry: audit.Entry) -> int:
    """Count the version up and record the audit event of the change under the new version."""
    version = count_up(session, what)
    audit.record(session, replace(entry, policy_version=version))
    return version
