"""Audit events of commands: what changed, masked to keep personal data out of the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.audit import events as audit
from chassis.policy.masks import redact
from chassis.policy.scope import Scope
from customers.pool.domain.fields import (
    EMAIL_COORDINATE,
    FIELDS,
    MOBILE_COORDINATE,
    NAME_COORDINATE,
)
from customers.pool.store import customer as store

_CONTACT_GUARDS = {
    "name": NAME_COORDINATE,
    "mobile": MOBILE_COORDINATE,
    "email": EMAIL_COORDINATE,
}
_FREE_TEXT = frozenset({"name", "english_name", "address", "note", "title", "mobile"})


def record_audit(
    session: Session, scope: Scope, resource: str, changes: Mapping[str, Any] | None = None
) -> None:
    """Record the audit event of a command in its transaction, with its policy version."""
    audit.record(
        session,
        audit.Entry(
            scope.actor,
            scope.action,
            scope.object,
            resource,
            changes=changes,
            protected=_guards_of(scope.object, changes or {}),
            policy_version=scope.version,
        ),
    )


def _guards_of(object: str, changes: Mapping[str, Any]) -> dict[str, str]:
    """Return the coordinate that guards each changed field, also in the ledger."""
    guards = {name: field.protected_by for name, field in FIELDS.items()}
    if object == "Contact":
        guards = dict(_CONTACT_GUARDS)
    return {field: guard for field in changes if (guard := guards.get(field))}


def row_scope(session: Session, scope: Scope, customer_id: UUID) -> Scope:
    """Narrow a scope to one customer; it then names the user whose access the actor borrows."""
    if not scope.permissions.givers:
        return scope
    return scope.at(store.access_of(session, [customer_id])[customer_id])


def masked_changes(
    before: Mapping[str, str | None], after: Mapping[str, str | None]
) -> dict[str, list[str | None]]:
    """Return the changed fields as `[before, after]`, with personal data masked."""
    return {
        field: [_mask(field, before.get(field)), _mask(field, after.get(field))]
        for field in sorted(before.keys() | after.keys())
        if before.get(field) != after.get(field)
    }


def _mask(field: str, value: str | None) -> str | None:
    definition = FIELDS.get(field)
    if value is None or (definition and not definition.protected_by and field not in _FREE_TEXT):
        return value
    return redact("mask:first1", value).text
