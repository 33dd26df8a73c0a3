"""What a command of this service tells others: who may see what now, and who did it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.audit import events as audit
from chassis.facts.outbox import Fact, record
from chassis.policy.masks import redact
from chassis.policy.scope import Scope
from customers.pool.domain.fields import (
    EMAIL_COORDINATE,
    FIELDS,
    MOBILE_COORDINATE,
    NAME_COORDINATE,
)
from customers.pool.store import customer as store

CHANGED = "customers.changed"
MERGED = "customers.merged"
UNMERGED = "customers.unmerged"
BATCH = 500


def changed(session: Session, ids: Iterable[UUID]) -> None:
    """The fact that these customers changed, with what others need to guard their own rows."""
    wanted = sorted(set(ids))
    for start in range(0, len(wanted), BATCH):
        some = wanted[start : start + BATCH]
        body = {"access": store.access_rows(session, some)}
        record(session, Fact(CHANGED, str(some[0]), body))


def audited(
    session: Session, scope: Scope, resource: str, changes: Mapping[str, Any] | None = None
) -> None:
    """The audit event of a command, in its own transaction and under the version that allowed it."""
    audit.record(
        session,
        audit.Entry(
            scope.actor,
            scope.action,
            scope.object,
            resource,
            changes=changes,
            protected=_protected(scope.object, changes or {}),
            policy_version=scope.version,
        ),
    )


_PERSON = {"name": NAME_COORDINATE, "mobile": MOBILE_COORDINATE, "email": EMAIL_COORDINATE}


def _protected(object: str, changes: Mapping[str, Any]) -> dict[str, str]:
    """The coordinates that guard what changed, so that the ledger shows no more than they allow."""
    guards = {name: known.protected_by for name, known in FIELDS.items()}
    if object == "Contact":
        guards = dict(_PERSON)
    return {field: guard for field in changes if (guard := guards.get(field))}


def for_whom(session: Session, scope: Scope, customer_id: UUID) -> Scope:
    """The proof for one customer: it says for whom the actor stands in, if only they reach it."""
    if not scope.permissions.givers:
        return scope
    return scope.at(store.access_of(session, [customer_id])[customer_id])


def masked(
    before: Mapping[str, str | None], after: Mapping[str, str | None]
) -> dict[str, list[str | None]]:
    """What changed, as an audit event may hold it: no personal data in clear."""
    return {
        field: [_mask(field, before.get(field)), _mask(field, after.get(field))]
        for field in sorted(before.keys() | after.keys())
        if before.get(field) != after.get(field)
    }


_FREE_TEXT = frozenset({"name", "english_name", "address", "note", "title", "mobile"})


def _mask(field: str, value: str | None) -> str | None:
    known = FIELDS.get(field)
    if value is None or (known and not known.protected_by and field not in _FREE_TEXT):
        return value
    return redact("mask:first1", value).text
