"""Writing down what a batch changed: a fixed number of statements, however many records it has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.policy.scope import Scope
from customers.pool.commands.access_facts import publish_changed
from customers.pool.commands.audit_trail import record_audit
from customers.pool.domain.absorption import Beliefs, People, Placement
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
    """To whom a batch's new customers belong; nobody's are in the pool."""

    owner_id: UUID | None = None
    department_id: UUID | None = None


@dataclass
class Tags:
    """The tags each link gave, and the links that give others now."""

    present: dict[UUID, set[str]]
    changed: dict[UUID, set[str]] = field(default_factory=dict)

    def take(self, placed: Placement) -> bool:
        record = placed.record
        before = self.present.get(placed.link_id, set())
        said = set() if record.deleted else set(record.tags)
        after = said if record.complete or record.deleted else before | said
        if after != before:
            self.changed[placed.link_id] = after
        return after != before

    def names(self) -> set[str]:
        return set().union(*self.changed.values())


@dataclass(frozen=True, slots=True)
class Change:
    """All that a batch changes, worked out and not yet written."""

    source: Source
    ownership: Ownership
    placements: Sequence[Placement]
    effective: set[UUID]
    beliefs: Beliefs
    people: People
    tags: Tags


def write(session: Session, scope: Scope, change: Change, counts: Mapping[str, int]) -> None:
    """Writes it, tells who may see what now, and leaves the audit event."""
    placements, every, beliefs = change.placements, change.effective, change.beliefs
    people, tags, at = change.people, change.tags, beliefs.at
    made = {placed.customer_id for placed in placements if placed.new_customer}
    rows = {id: {"id": id, **customer_store.golden_columns(beliefs.golden[id])} for id in every}
    kinds = {placed.customer_id: placed.record.kind for placed in placements}
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
            for id in sorted(made)
        ],
    )
    customer_store.update(session, [rows[id] for id in sorted(every - made)])
    _write_links(session, change.source, placements, beliefs)
    claim_store.end(session, beliefs.ended, at)
    claim_store.insert(session, list(beliefs.made.values()), scope.actor.user_id)
    match_store.replace_keys(session, _keys_now(placements, beliefs))
    contact_store.insert(session, people.new)
    contact_store.update(session, people.changed)
    contact_store.end(session, people.gone, at)
    ids = tag_store.ensure(session, tags.names())
    tag_store.replace(
        session, {link: {ids[name] for name in names} for link, names in tags.changed.items()}
    )
    match_store.suspect(
        session, [(placed.customer_id, s) for placed in placements for s in placed.suspicions]
    )
    if every:
        publish_changed(session, every)
        record_audit(session, scope, change.source.system, counts)


def _write_links(
    session: Session, source: Source, placements: Sequence[Placement], beliefs: Beliefs
) -> None:
    state = [
        {
            "id": placed.link_id,
            "source_record_id": placed.record.id,
            "fingerprint": placed.record.fingerprint,
            "observed_at": placed.record.observed_at,
            "deleted": placed.record.deleted,
        }
        for placed in placements
    ]
    new = {placed.link_id: placed for placed in placements if placed.new_link}
    link_store.insert(
        session,
        [
            row
            | {
                "system": source.system,
                "installation": source.installation,
                "external_id": new[row["id"]].record.external_id,  # type: ignore[index]  # a UUID
                "customer_id": new[row["id"]].customer_id,  # type: ignore[index]
                "created_at": beliefs.at,
            }
            for row in state
            if row["id"] in new
        ],
        beliefs.at,
    )
    link_store.update(session, [row for row in state if row["id"] not in new])


def _keys_now(placements: Sequence[Placement], beliefs: Beliefs) -> dict[UUID, frozenset[Key]]:
    """A deleted record keeps its keys, so that one which returns under another id is recognised."""
    return {
        placed.link_id: keys_of(
            placed.record.kind, beliefs.present_values(placed.customer_id, placed.link_id)
        )
        for placed in placements
        if not placed.record.deleted
    }


def counted(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many records became what."""
    counts: dict[str, int] = {}
    for outcome in outcomes:
        counts[outcome.kind.lower()] = counts.get(outcome.kind.lower(), 0) + 1
    return counts
