"""Simulate a changeset: the policy as it is and as it would be, without publishing."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from chassis.errors import HuichiError
from chassis.explanation.difference import with_rules
from chassis.policy.rules import Snapshot
from chassis.policy.scope import Scope
from identity.core.store import policy as store
from identity.people.commands import lockout
from identity.policy.commands.subject import refuse_unknown_subject
from identity.policy.domain.changeset import applied
from identity.policy.store import rule as rules
from identity.policy.store.changeset import ChangesetRow


@dataclass(frozen=True, slots=True)
class Simulated:
    """Both policies, and the error that publishing would be refused with now."""

    before: Snapshot
    after: Snapshot
    problem: HuichiError | None


def simulate(session: Session, scope: Scope, changeset: ChangesetRow) -> Simulated:
    """Return what publishing this changeset now would lead to; nothing is written."""
    before = store.snapshot(session)
    try:
        numbered, added = applied(rules.everything(session), changeset.changes)
    except HuichiError as problem:
        return Simulated(before, before, problem)
    after = with_rules(before, [*numbered.values(), *added])
    try:
        for change in changeset.changes:
            if change.after is not None:
                refuse_unknown_subject(session, change.after)
        lockout.refuse_lockout_under(session, after, scope.actor, field="changes")
    except HuichiError as problem:
        return Simulated(before, after, problem)
    return Simulated(before, after, None)
