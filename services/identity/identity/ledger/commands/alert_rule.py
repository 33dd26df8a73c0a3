"""What counts as unusual is for the administrators to say; that they said so is in the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy.orm import Session

from chassis.audit import events as audit
from chassis.policy.scope import Scope
from identity.core.domain.version import refuse_stale
from identity.ledger.domain.alert_rule import AlertKind, AlertRule, checked
from identity.ledger.store import alert_rule as store


def change(
    session: Session,
    scope: Scope,
    kind: AlertKind,
    wanted: Mapping[str, Any],
    expected: int | None,
) -> AlertRule:
    """Let a rule say something else; what is not named stays."""
    held = store.hold(session, kind)
    refuse_stale(held.version, expected, what="the rule")
    said = checked(replace(held, **wanted))
    if said == held:
        return held
    said = replace(said, version=held.version + 1)
    store.change(session, said)
    before, after = _told(held), _told(said)
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
    return said


def _told(rule: AlertRule) -> dict[str, str | None]:
    values = asdict(rule) | {"kind": rule.kind.value, "hours": store.hours_json(rule.hours)}
    del values["version"]
    return {name: None if value is None else str(value) for name, value in values.items()}
