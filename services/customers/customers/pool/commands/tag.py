"""What people do to tags: say which ones a customer wears, whatever its sources say."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.errors import BadInput
from chassis.policy.scope import Scope
from customers.pool.commands.access_facts import publish_changed
from customers.pool.commands.audit_trail import record_audit
from customers.pool.commands.locked_customer import (
    lock_customer,
)
from customers.pool.domain.fields import text
from customers.pool.domain.record import checked_tags
from customers.pool.store import customer as customer_store, link as link_store, tag as tag_store

MAX_NEW = 50


def set_tags(
    session: Session,
    scope: Scope,
    id: UUID,
    tag_ids: Sequence[UUID],
    names: Sequence[str],
    expected_version: int | None,
) -> UUID:
    """From now on the customer wears exactly these; names that are new join the vocabulary."""
    known = tag_store.by_ids(session, list(tag_ids))
    for tag_id, row in zip(tag_ids, known, strict=True):
        if row is None:
            raise BadInput(f"There is no tag {tag_id}.", f"没有标签 {tag_id}。", field="tagIds")
    clean = checked_tags(names)
    held = lock_customer(session, scope, id, expected_version)
    wanted = set(tag_ids) | set(tag_store.ensure(session, clean).values())
    given = tag_store.given_by_sources(session, held.id)
    link_id = link_store.manual(session, held.requested_id, held.id, link_store.now(session))
    worn = {tag.id for tag in tag_store.of_customers(session, [held.id])[held.id]}
    tag_store.decide(session, link_id, wanted, given - wanted)
    customer_store.touch(session, [held.id])
    publish_changed(session, [held.id])
    changes = {"tags": [sorted(map(str, worn)), sorted(map(str, wanted))]}
    record_audit(session, held.scope, str(held.id), changes)
    return held.id


def create_tag(session: Session, scope: Scope, name: str, dimension: str) -> UUID:
    """A word of the vocabulary; one that exists is answered with its id."""
    clean = text("name", 60)(name)
    kind = text("dimension", 60)(dimension) or tag_store.GENERAL
    if not clean:
        raise BadInput("name is empty.", "标签名不能为空。", field="name")
    id = tag_store.ensure(session, [clean], kind)[clean]
    record_audit(session, scope, str(id), {"name": [None, clean], "dimension": [None, kind]})
    return id
