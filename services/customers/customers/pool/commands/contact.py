"""Add, correct and end contacts that users enter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.errors import NotFound
from chassis.idempotency import run_idempotent
from chassis.policy.scope import Scope
from customers.core.domain.ids import new_id
from customers.pool.commands.access_facts import publish_changed
from customers.pool.commands.audit_trail import masked_changes, record_audit, row_scope
from customers.pool.commands.locked_customer import (
    lock_customer,
    refuse_stale,
)
from customers.pool.domain.record import ContactRecord, checked_contact, contact_identity
from customers.pool.store import (
    contact as contact_store,
    customer as customer_store,
    link as link_store,
)
from customers.pool.store.contact import ContactRow


def add(
    session: Session,
    scope: Scope,
    customer_id: UUID,
    record: ContactRecord,
    idempotency_key: str | None = None,
) -> UUID:
    """Add a contact to a customer and return its id; idempotent by the key."""

    def run() -> dict[str, Any]:
        contact = checked_contact(record, "contact")
        customer = lock_customer(session, scope, customer_id)
        at = link_store.now(session)
        id = new_id()
        values = _values(contact)
        row = {
            "id": id,
            "link_id": link_store.manual(session, customer.requested_id, customer.id, at),
            "external_id": str(id),
            "customer_id": customer.id,
            "version": 1,
            **values,
            "identity": contact_identity(contact),
            "created_at": at,
            "updated_at": at,
        }
        contact_store.insert(session, [row])
        _record_change(session, scope, customer.id, id, {}, values)
        return {"id": str(id)}

    request = [str(customer_id), asdict(record)]
    result = run_idempotent(
        session, scope.actor.user_id, idempotency_key, "addContact", run, request=request
    )
    return UUID(result["id"])


def update(
    session: Session,
    scope: Scope,
    id: UUID,
    changes: Mapping[str, str | None],
    expected_version: int | None,
) -> UUID:
    """Correct a contact; fields that `changes` does not name stay."""
    row = _lock_contact(session, scope, id, expected_version)
    present = ContactRecord(row.external_id, row.name, row.title, row.mobile, row.email)
    columns = _values(present) | dict(changes)
    contact = checked_contact(ContactRecord(row.external_id, **columns), "contact")
    values = _values(contact)
    identity = contact_identity(contact)
    contact_store.update(session, [{"id": id, **values, "identity": identity}])
    _record_change(session, scope, row.customer_id, id, _values(present), values)
    return id


def end(session: Session, scope: Scope, id: UUID, expected_version: int | None) -> UUID:
    """End a contact who has left the customer and return the customer's id; the row is kept."""
    row = _lock_contact(session, scope, id, expected_version)
    contact_store.end(session, [id], link_store.now(session))
    present = ContactRecord(row.external_id, row.name, row.title, row.mobile, row.email)
    _record_change(session, scope, row.customer_id, id, _values(present), {})
    return row.customer_id


def _lock_contact(
    session: Session, scope: Scope, id: UUID, expected_version: int | None
) -> ContactRow:
    [unlocked] = contact_store.by_ids(session, [id])
    if unlocked is None:
        raise _unknown(id)
    try:
        lock_customer(session, scope, unlocked.customer_id)
    except NotFound as problem:
        raise _unknown(id) from problem
    [row] = contact_store.by_ids(session, [id])
    if row is None:
        raise _unknown(id)
    refuse_stale(row.version, expected_version)
    return row


def _unknown(id: UUID) -> NotFound:
    return NotFound(
        f"Contact {id} does not exist, or you may not access it.",
        f"联系人 {id} 不存在，或您无权访问。",
        field="id",
    )


def _values(contact: ContactRecord) -> dict[str, str | None]:
    return {
        "name": contact.name,
        "title": contact.title,
        "mobile": contact.mobile,
        "email": contact.email,
    }


def _record_change(
    session: Session,
    scope: Scope,
    customer_id: UUID,
    id: UUID,
    before: dict[str, str | None],
    after: dict[str, str | None],
) -> None:
    customer_store.touch(session, [customer_id])
    publish_changed(session, [customer_id])
    proof = row_scope(session, scope, customer_id)
    record_audit(session, proof, str(id), masked_changes(before, after))
