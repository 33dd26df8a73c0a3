"""A changeset tried without publishing it: the policy as it is and as it would be."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from chassis.errors import HuichiError
from chassis.explanation.difference import with_rules
from chassis.policy.rules import Snapshot
from chassis.policy.scope import Scope
from identity.core.store import policy as store
from identity.people.commands import lockout
from identity.policy.commands.changeset import refuse_unknown_subject
from identity.policy.domain.changeset import applied
from identity.policy.store import rule as rules
from identity.policy.store.changeset import ChangesetRow


@dataclass(frozen=True, slots=True)
class Simulated:
    """Both policies, and what publishing would be refused with now."""

    before: Snapshot
    after: Snapshot
    problem: HuichiError | None


def simulate(session: Session, scope: Scope, changeset: ChangesetRow) -> Simulated:
    """What publishing this changeset now would lead to; nothing is written."""
    before = store.snapshot(session)
    try:
        kept, added = applied(rules.everything(session), changeset.changes)
    except HuichiError as problem:
        return Simulated(before, before, problem)
    after = with_rules(before, [*kept.values(), *added])
    try:
        for change in changeset.changes:
            if change.after is not None:
                refuse_unknown_subject(session, change.after)
        lockout.refuse_lockout_under(session, after, scope.actor, field="changes")
    except HuichiError as problem:
        return Simulated(before, after, problem)
    return Simulated(before, after, None)
