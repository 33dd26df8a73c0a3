"""Editing the policy: the rule, the version, the fact and the audit event are one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis import audit
from chassis.errors import BadInput, Conflict, NotFound
from chassis.once import once
from chassis.policy.guard import Scope
from chassis.policy.rules import Rule
from identity.commands import policy
from identity.domain import role as role_domain
from identity.domain.ids import RuleId
from identity.store import role as roles, rule as store, user as users
from identity.store.rule import RuleRow


@dataclass(frozen=True, slots=True)
class Edited:
    """The rule that was edited, and the policy version that it is part of (or no longer is)."""

    id: RuleId
    version: int


def add_rule(
    session: Session, scope: Scope, wanted: Rule, expected: int, key: str | None = None
) -> Edited:
    """Add a rule. A repeat with the same key answers what the first one did."""

    def run() -> dict[str, Any]:
        policy.hold(session, expected)
        _refuse_unknown_subject(session, wanted)
        _refuse_twin(session, wanted)
        id = store.add(session, wanted)
        version = _settle(session, scope, id, "create", None, wanted)
        return {"id": str(id), "version": version}

    request = [_line(wanted), expected]
    answer = once(session, scope.actor.user_id, key, "addRule", run, request=request)
    return Edited(RuleId(UUID(answer["id"])), int(answer["version"]))


def update_rule(session: Session, scope: Scope, id: RuleId, wanted: Rule, expected: int) -> Edited:
    """Let a rule say something else."""
    version = policy.hold(session, expected)
    present = _present(session, id)
    if present.rule != wanted:
        _refuse_unknown_subject(session, wanted)
        _refuse_twin(session, wanted)
        store.change(session, id, wanted)
        version = _settle(session, scope, id, "update", present.rule, wanted)
    return Edited(id, version)


def remove_rule(session: Session, scope: Scope, id: RuleId, expected: int) -> Edited:
    """Strike a rule out."""
    policy.hold(session, expected)
    present = _present(session, id)
    store.remove(session, id)
    return Edited(id, _settle(session, scope, id, "delete", present.rule, None))


def _present(session: Session, id: RuleId) -> RuleRow:
    found = store.by_id(session, id)
    if found is None:
        raise NotFound(f"No rule {id} exists.", f"未找到规则 {id}。", field="id")
    return found


def _settle(
    session: Session,
    scope: Scope,
    id: RuleId,
    action: str,
    before: Rule | None,
    after: Rule | None,
) -> int:
    policy.keep_a_way_back(session, scope.actor, field="id" if after is None else "input")
    version = policy.changed(session, "rule")
    audit.record(
        session,
        scope.actor,
        action,
        "Rule",
        str(id),
        changes={"rule": [_line(before), _line(after)]},
        policy_version=version,
    )
    return version


def _refuse_unknown_subject(session: Session, wanted: Rule) -> None:
    kind, _, name = wanted.subject.partition(":")
    if kind == "role":
        role_domain.refuse_unknown([name], list(roles.names(session)), field="subject")
        return
    try:
        known = users.exists(session, UUID(name)) and name == str(UUID(name))
    except ValueError:
        known = False
    if not known:
        raise BadInput(
            f"subject names user {name!r}, who does not exist; write user:<id of a user>.",
            f"subject 中的用户 {name!r} 不存在，格式应为 user:用户编号。",
            field="subject",
        )


def _refuse_twin(session: Session, wanted: Rule) -> None:
    twin = store.same(session, wanted)
    if twin is not None:
        raise Conflict(
            f"Rule {twin} says exactly this already.", f"规则 {twin} 已有完全相同的内容。"
        )


def _line(rule: Rule | None) -> str | None:
    if rule is None:
        return None
    return ", ".join(
        (rule.subject, rule.object, rule.action, rule.rows, rule.redaction, rule.effect)
    )
