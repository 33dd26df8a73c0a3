"""Editing one rule: a changeset of one change that is published in the same transaction.

These stay beside changesets for what is small and urgent (take one right away, now). Where changes
must be reviewed they are refused, or they would be the way around the review.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.errors import NotFound
from chassis.idempotency import run_idempotent
from chassis.policy.rules import Rule
from chassis.policy.scope import Scope
from identity.core.commands import policy_version
from identity.core.domain.ids import RuleId
from identity.policy.commands.changeset import publish_at_once, refused_without_review
from identity.policy.domain.changeset import Change, line
from identity.policy.store import rule as store
from identity.policy.store.rule import RuleRow


@dataclass(frozen=True, slots=True)
class Edited:
    """The rule that was edited, and the policy version that it is part of (or no longer is)."""

    id: RuleId
    version: int


def add_rule(
    session: Session,
    scope: Scope,
    wanted: Rule,
    expected: int,
    key: str | None = None,
    *,
    review: bool = False,
) -> Edited:
    """Add a rule. A repeat with the same key answers what the first one did."""

    def run() -> dict[str, Any]:
        _hold(session, expected, review)
        change = Change(None, None, wanted)
        id, version = publish_at_once(session, scope, "Add a rule", change, field="input")
        return {"id": str(id), "version": version}

    request = [line(wanted), expected]
    answer = run_idempotent(session, scope.actor.user_id, key, "addRule", run, request=request)
    return Edited(RuleId(UUID(answer["id"])), int(answer["version"]))


def update_rule(
    session: Session, scope: Scope, id: RuleId, wanted: Rule, expected: int, *, review: bool = False
) -> Edited:
    """Let a rule say something else."""
    version = _hold(session, expected, review)
    change = Change(id, _present(session, id).rule, wanted)
    if not change.idle:
        _, version = publish_at_once(session, scope, "Change a rule", change, field="input")
    return Edited(id, version)


def remove_rule(
    session: Session, scope: Scope, id: RuleId, expected: int, *, review: bool = False
) -> Edited:
    """Strike a rule out."""
    _hold(session, expected, review)
    change = Change(id, _present(session, id).rule, None)
    return Edited(*publish_at_once(session, scope, "Remove a rule", change, field="id"))


def _hold(session: Session, expected: int, review: bool) -> int:
    if review:
        raise refused_without_review()
    return policy_version.hold(session, expected)


def _present(session: Session, id: RuleId) -> RuleRow:
    found = store.by_id(session, id)
    if found is None:
        raise NotFound(f"No rule {id} exists.", f"未找到规则 {id}。", field="id")
    return found
