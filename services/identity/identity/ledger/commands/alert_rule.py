"""Change the rules of unusual access; every change is in the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy.orm import Session

from chassis.audit import events as audit
from chassis.policy.scope import Scope
from identity.core.domain.version import refuse_stale
from identity.ledger.domain.alert_rule import AlertKind, AlertRule, check_rule
from identity.ledger.store import alert_rule as store


def change_rule(
    session: Session,
    scope: Scope,
    kind: AlertKind,
    changes: Mapping[str, Any],
    expected_version: int | None,
) -> AlertRule:
    """Change the named values of a rule and return it."""
    current = store.lock(session, kind)
    refuse_stale(current.version, expected_version, what="the rule")
    changed = check_rule(replace(current, **changes))
    if changed == current:
        return current
    changed = replace(changed, version=current.version + 1)
    store.update_rule(session, changed)
    before, after = _audit_values(current), _audit_values(changed)
    audit.record(
        session,
        audit.Entry(
            scope.actor,
            "update",
            "AlertRule",
            kind.value,
            changes={
                name: [before[name], after[name]] for name in after if before[name] != after[name]
            },
            policy_version=scope.version,
        ),
    )
    return changed


def _audit_values(rule: AlertRule) -> dict[str, str | None]:
    values = asdict(rule) | {"kind": rule.kind.value, "hours": store.hours_json(rule.hours)}
    del values["version"]
    return {name: None if value is None else str(value) for name, value in values.items()}
