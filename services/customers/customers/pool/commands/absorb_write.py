"""Write what a batch changed, in a fixed number of statements, however many records it has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.policy.scope import Scope
from customers.pool.commands.access_facts import publish_changed
from customers.pool.commands.audit_trail import record_audit
from customers.pool.domain.absorption import Absorption, Placement, RecordChange
from customers.pool.domain.belief import Belief, Terms
from customers.pool.domain.match import Key
from customers.pool.domain.outcome import Outcome
from customers.pool.domain.record import Source, keys_of
from customers.pool.store import (
    claim as claim_store,
    contact as contact_store,
    customer as customer_store,
    link as link_store,
    match as match_store,
    tag as tag_store,
)


@dataclass(frozen=True, slots=True)
class Ownership:
    """The owner and department of new customers; without an owner they are in the pool."""

    owner_id: UUID | None = None
    department_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class BatchChange:
    """Everything that a batch changes, worked out and not yet written."""

    source: Source
    ownership: Ownership
    terms: Terms
    absorption: Absorption


def write(session: Session, scope: Scope, change: BatchChange, counts: Mapping[str, int]) -> None:
    """Write a batch's changes, publish who may see the customers, and record the audit event."""
    absorption, at = change.absorption, change.terms.at
    placements = [record.placement for record in absorption.records]
    beliefs = list(absorption.beliefs.values())
    _write_customers(session, change, placements)
    _write_links(session, change.source, placements, at)
    claim_store.end(session, [id for belief in beliefs for id in belief.ended], at)
    made = [claim for belief in beliefs for claim in belief.made]
    claim_store.insert(session, made, scope.actor.user_id)
    match_store.replace_keys(session, _keys_by_link(placements, absorption.beliefs))
    _write_contacts(session, absorption.records, at)
    _write_tags(session, absorption.records)
    match_store.open_candidates(
        session,
        [
            (placement.customer_id, suspicion)
            for placement in placements
            for suspicion in placement.suspicions
        ],
    )
    if absorption.effective:
        publish_changed(session, absorption.effective)
        record_audit(session, scope, change.source.system, counts)


def _write_customers(
    session: Session, change: BatchChange, placements: Sequence[Placement]
) -> None:
    absorption, at = change.absorption, change.terms.at
    created = {placement.customer_id for placement in placements if placement.new_customer}
    kinds = {placement.customer_id: placement.record.kind for placement in placements}
    rows = {
        id: {"id": id, **customer_store.golden_columns(absorption.beliefs[id].golden)}
        for id in absorption.effective
    }
    customer_store.insert(
        session,
        [
            rows[id]
            | {
                "kind": kinds[id],
                "version": 1,
                "owner_id": change.ownership.owner_id,
                "department_id": change.ownership.department_id,
                "collaborators": [],
                "created_at": at,
                "updated_at": at,
            }
            for id in sorted(created)
        ],
    )
    customer_store.update(session, [rows[id] for id in sorted(absorption.effective - created)])


def _write_links(
    session: Session, source: Source, placements: Sequence[Placement], at: datetime
) -> None:
    link_store.insert(
        session,
        [
            _link_state(placement)
            | {
                "system": source.system,
                "installation": source.installation,
                "external_id": placement.record.external_id,
                "customer_id": placement.customer_id,
                "created_at": at,
            }
            for placement in placements
            if placement.new_link
        ],
        at,
    )
    link_store.update(
        session, [_link_state(placement) for placement in placements if not placement.new_link]
    )


def _link_state(placement: Placement) -> dict[str, object]:
    record = placement.record
    return {
        "id": placement.link_id,
        "source_record_id": record.id,
        "fingerprint": record.fingerprint,
        "observed_at": record.observed_at,
        "deleted": record.deleted,
    }


def _keys_by_link(
    placements: Sequence[Placement], beliefs: Mapping[UUID, Belief]
) -> dict[UUID, frozenset[Key]]:
    """Return the recognition keys of each link.

    A deleted record keeps its keys, so that one which returns under another id is recognised.
    """
    return {
        placement.link_id: keys_of(
            placement.record.kind,
            beliefs[placement.customer_id].present_values(placement.link_id),
        )
        for placement in placements
        if not placement.record.deleted
    }


def _write_contacts(session: Session, records: Sequence[RecordChange], at: datetime) -> None:
    changes = [record.contacts for record in records]
    contact_store.insert(session, [row for change in changes for row in change.added])
    contact_store.update(session, [row for change in changes for row in change.changed])
    contact_store.end(session, [id for change in changes for id in change.ended], at)


def _write_tags(session: Session, records: Sequence[RecordChange]) -> None:
    names_by_link = {
        record.placement.link_id: record.tags for record in records if record.tags is not None
    }
    ids = tag_store.ensure(session, {name for names in names_by_link.values() for name in names})
    tag_store.replace(
        session, {link: {ids[name] for name in names} for link, names in names_by_link.items()}
    )


def count_outcomes(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """Count outcomes by their kind in lower case."""
    counts: dict[str, int] = {}
    for outcome in outcomes:
        counts[outcome.kind.lower()] = counts.get(outcome.kind.lower(), 0) + 1
    return counts
