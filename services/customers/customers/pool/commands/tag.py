"""Set the tags of a customer whatever its sources report, and add tags to the vocabulary."""

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
    """Set the exact tags of a customer, by ids and names; unknown names join the vocabulary.

    Raises `BadInput` for an id that is no tag.
    """
    rows = tag_store.by_ids(session, list(tag_ids))
    for tag_id, row in zip(tag_ids, rows, strict=True):
        if row is None:
            raise BadInput(
                f"Tag {tag_id} does not exist.", f"标签 {tag_id} 不存在。", field="tagIds"
            )
    valid_names = checked_tags(names)
    customer = lock_customer(session, scope, id, expected_version)
    after = set(tag_ids) | set(tag_store.ensure(session, valid_names).values())
    from_sources = tag_store.given_by_sources(session, customer.id)
    at = link_store.now(session)
    link_id = link_store.manual(session, customer.requested_id, customer.id, at)
    before = {tag.id for tag in tag_store.of_customers(session, [customer.id])[customer.id]}
    tag_store.decide(session, link_id, after, from_sources - after)
    customer_store.touch(session, [customer.id])
    publish_changed(session, [customer.id])
    changes = {"tags": [sorted(map(str, before)), sorted(map(str, after))]}
    record_audit(session, customer.scope, str(customer.id), changes)
    return customer.id


def create_tag(session: Session, scope: Scope, name: str, dimension: str) -> UUID:
    """Add a tag to the vocabulary and return its id; an existing tag keeps its id."""
    tag_name = text("name", 60)(name)
    tag_dimension = text("dimension", 60)(dimension) or tag_store.GENERAL
    if not tag_name:
        raise BadInput(
            "name is empty; it must have 1 to 60 characters.",
            "标签名不能为空，长度应为 1 到 60 个字符。",
            field="name",
        )
    id = tag_store.ensure(session, [tag_name], tag_dimension)[tag_name]
    changes = {"name": [None, tag_name], "dimension": [None, tag_dimension]}
    record_audit(session, scope, str(id), changes)
    return id
