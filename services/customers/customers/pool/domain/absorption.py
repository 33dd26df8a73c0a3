"""What a batch of records changes: pure, so a dry run gives the same result as a real one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from customers.core.domain.ids import new_id
from customers.pool.domain.belief import Belief, Terms, assert_values, changed_fields
from customers.pool.domain.match import Suspicion
from customers.pool.domain.outcome import (
    Ambiguous,
    Created,
    Matched,
    Outcome,
    Unchanged,
    Updated,
)
from customers.pool.domain.record import ContactRecord, Prepared, contact_identity

CONTACTS = "contacts"
TAGS = "tags"


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a record belongs: its link and customer, each new or existing, and other candidates."""

    record: Prepared
    link_id: UUID
    customer_id: UUID
    new_link: bool
    new_customer: bool
    suspicions: tuple[Suspicion, ...] = ()


@dataclass(frozen=True, slots=True)
class PresentContact:
    """A contact that a link has already; `content` is name, title, mobile and e-mail address."""

    id: UUID
    external_id: str
    content: tuple[str | None, ...]
    ended: bool


@dataclass(frozen=True, slots=True)
class ContactChanges:
    """The contacts that a record adds, changes and ends, as columns to write."""

    added: tuple[Mapping[str, object], ...] = ()
    changed: tuple[Mapping[str, object], ...] = ()
    ended: tuple[UUID, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.ended)


@dataclass(frozen=True, slots=True)
class RecordChange:
    """What one record changes; `tags` is `None` where its tags stay as they are."""

    placement: Placement
    contacts: ContactChanges
    tags: frozenset[str] | None
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Absorption:
    """What a batch changes: by record, and the resulting beliefs by customer."""

    records: tuple[RecordChange, ...]
    beliefs: Mapping[UUID, Belief]

    @property
    def effective(self) -> frozenset[UUID]:
        """Return the ids of customers that any record of the batch changed."""
        return frozenset(
            change.placement.customer_id
            for change in self.records
            if not isinstance(change.outcome, Unchanged)
        )


def absorb_placements(
    placements: Iterable[Placement],
    terms: Terms,
    beliefs: Mapping[UUID, Belief],
    contacts: Mapping[UUID, Sequence[PresentContact]],
    tags: Mapping[UUID, Iterable[str]],
) -> Absorption:
    """Work out what placed records change, each on top of the earlier ones.

    Beliefs are by customer, present contacts and tags by link. Later records of one customer see
    what earlier ones changed.
    """
    present = dict(beliefs)
    changes: list[RecordChange] = []
    for placement in placements:
        before = present.get(placement.customer_id) or Belief(placement.customer_id)
        after = assert_values(
            before,
            terms,
            placement.link_id,
            _claimed_values(placement, before),
            placement.record.observed_at,
        )
        present[placement.customer_id] = after
        link_contacts = contact_changes(placement, contacts.get(placement.link_id, ()), terms.at)
        link_tags = changed_tags(placement, frozenset(tags.get(placement.link_id, ())))
        changed = changed_fields(before, after)
        changed += (CONTACTS,) if link_contacts else ()
        changed += (TAGS,) if link_tags is not None else ()
        wrote_claims = len(after.made + after.ended) != len(before.made + before.ended)
        effective = placement.new_link or bool(changed) or wrote_claims
        outcome = _outcome(placement, changed, effective=effective)
        changes.append(RecordChange(placement, link_contacts, link_tags, outcome))
    return Absorption(tuple(changes), present)


def _claimed_values(placement: Placement, belief: Belief) -> Mapping[str, str | None]:
    """Return what a record claims of each field; a deleted record withdraws all it claimed."""
    if placement.record.deleted:
        return dict.fromkeys(belief.present_values(placement.link_id))
    return placement.record.values


def contact_changes(
    placement: Placement, present: Sequence[PresentContact], at: datetime
) -> ContactChanges:
    """Compare the contacts of a record with those its link has already."""
    record = placement.record
    by_external_id = {contact.external_id: contact for contact in present}
    added: list[Mapping[str, object]] = []
    changed: list[Mapping[str, object]] = []
    for contact in () if record.deleted else record.contacts:
        columns = _contact_columns(contact)
        existing = by_external_id.pop(contact.external_id, None)
        if existing is None:
            added.append(_new_contact(placement, contact.external_id, columns, at))
        elif existing.ended or existing.content != _content(contact):
            changed.append({"id": existing.id, **columns})
    ended: tuple[UUID, ...] = ()
    if record.complete or record.deleted:
        ended = tuple(contact.id for contact in by_external_id.values() if not contact.ended)
    return ContactChanges(tuple(added), tuple(changed), ended)


def _content(contact: ContactRecord) -> tuple[str | None, ...]:
    return (contact.name, contact.title, contact.mobile, contact.email)


def _contact_columns(contact: ContactRecord) -> dict[str, object]:
    name, title, mobile, email = _content(contact)
    identity = contact_identity(contact)
    return {"name": name, "title": title, "mobile": mobile, "email": email, "identity": identity}


def _new_contact(
    placement: Placement, external_id: str, columns: Mapping[str, object], at: datetime
) -> dict[str, object]:
    return {
        "id": new_id(),
        "link_id": placement.link_id,
        "external_id": external_id,
        "customer_id": placement.customer_id,
        "version": 1,
        **columns,
        "created_at": at,
        "updated_at": at,
    }


def changed_tags(placement: Placement, present: frozenset[str]) -> frozenset[str] | None:
    """Return the tags that a record's link gives from now on; `None` where they stay the same."""
    record = placement.record
    tags: frozenset[str] = frozenset() if record.deleted else frozenset(record.tags)
    after = tags if record.complete or record.deleted else present | tags
    return after if after != present else None


def _outcome(placement: Placement, changed: tuple[str, ...], *, effective: bool) -> Outcome:
    external_id, customer_id = placement.record.external_id, placement.customer_id
    if not effective:
        return Unchanged(external_id, customer_id)
    if not placement.new_link:
        return Updated(external_id, customer_id, changed)
    if not placement.new_customer:
        return Matched(external_id, customer_id, changed)
    if placement.suspicions:
        candidates = tuple(suspicion.customer_id for suspicion in placement.suspicions)
        return Ambiguous(external_id, customer_id, candidates, changed)
    return Created(external_id, customer_id, changed)
