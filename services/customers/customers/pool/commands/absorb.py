"""Absorb a batch of outside records into claims, matches and golden records.

The batch goes through steps that take values and return values: check, drop what is unchanged,
place each record at a customer, work out the changes, write them. All of it but the writing also
happens on a dry run, and a batch costs a fixed number of statements, however many records it has.
Absorbing is idempotent: what a source reported before word for word is dropped before anything is
locked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from chassis import telemetry
from chassis.errors import BadInput, Denied, HuichiError
from chassis.policy.scope import Scope
from customers.core.domain.ids import new_id
from customers.pool.commands.absorb_write import BatchChange, Ownership, count_outcomes, write
from customers.pool.domain.absorption import Placement, PresentContact, absorb_placements
from customers.pool.domain.belief import Belief, Terms
from customers.pool.domain.golden import Rules
from customers.pool.domain.match import Key, Match, Pool, decide, suspicions
from customers.pool.domain.outcome import Outcome, Rejected, Unchanged
from customers.pool.domain.record import MANUAL, Prepared, Source, SourceRecord, fold, prepare
from customers.pool.store import (
    claim as claim_store,
    contact as contact_store,
    customer as customer_store,
    link as link_store,
    locks,
    match as match_store,
    reelection as reelection_store,
    tag as tag_store,
)
from customers.pool.store.customer import CustomerRow
from customers.pool.store.link import LinkRow

MAX_RECORDS = 500
Records = Mapping[str, Prepared]
"""Records by external id."""
Outcomes = dict[str, Outcome]
"""Outcomes by external id."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What holds for every record of a batch."""

    scope: Scope
    source: Source
    dry_run: bool
    ownership: Ownership


def absorb(
    session: Session,
    scope: Scope,
    source: Source,
    records: Sequence[SourceRecord],
    *,
    dry_run: bool = False,
    ownership: Ownership | None = None,
) -> list[Outcome]:
    """Absorb records of a source; return the outcome of each record, in their order.

    Raises `BadInput` where the batch is too large or the source's name is not allowed.
    """
    _refuse_batch(source, len(records))
    ready, rejected = check_records(records)
    batch = Batch(scope, source, dry_run, ownership or Ownership())
    outcomes = _absorb_ready(session, batch, ready, rejected)
    return [outcomes[record.external_id] for record in records]


def absorb_prepared(
    session: Session,
    scope: Scope,
    source: Source,
    records: Sequence[Prepared],
    *,
    dry_run: bool = False,
    ownership: Ownership | None = None,
) -> list[Outcome]:
    """Absorb records that were checked already; return the outcome of each, in their order."""
    _refuse_batch(source, len(records))
    batch = Batch(scope, source, dry_run, ownership or Ownership())
    outcomes = _absorb_ready(session, batch, fold_records(records), {})
    return [outcomes[record.external_id] for record in records]


def _refuse_batch(source: Source, count: int) -> None:
    if count > MAX_RECORDS:
        raise BadInput(
            f"records has {count} records; one batch holds at most {MAX_RECORDS}.",
            f"records 有 {count} 条，一批最多 {MAX_RECORDS} 条。",
            field="records",
        )
    if not source.system.strip() or len(source.system) > 100 or source.system == MANUAL:
        raise BadInput(
            f"system must have 1 to 100 characters and not be {MANUAL!r}, which is reserved for "
            "what users enter.",
            f"system 长度应为 1 到 100，且不能是保留名 {MANUAL!r}。",
            field="source.system",
        )


def check_records(records: Sequence[SourceRecord]) -> tuple[dict[str, Prepared], Outcomes]:
    """Split records into those that may enter, one for each external id, and rejected ones."""
    valid: list[Prepared] = []
    rejected: Outcomes = {}
    for record in records:
        prepared = prepare(record)
        if isinstance(prepared, list):
            rejected[record.external_id] = Rejected(record.external_id, prepared)
        else:
            valid.append(prepared)
    return fold_records(valid), rejected


def fold_records(records: Iterable[Prepared]) -> dict[str, Prepared]:
    """Fold records that share an external id into one, in the order of their arrival."""
    folded: dict[str, Prepared] = {}
    for record in records:
        earlier = folded.get(record.external_id)
        folded[record.external_id] = fold(earlier, record) if earlier else record
    return folded


def _absorb_ready(session: Session, batch: Batch, ready: Records, rejected: Outcomes) -> Outcomes:
    """Take records through every step; return all outcomes, also those of rejected records."""
    links = link_store.by_external_ids(session, batch.source, list(ready))
    news, unchanged = _drop_unchanged(ready, links)
    outcomes = rejected | unchanged
    if news:
        if not batch.dry_run:
            locks.lock_keys(session, *_lock_names(batch.source, news))
            links = link_store.by_external_ids(session, batch.source, list(news))
            news, unchanged = _drop_unchanged(news, links)
            outcomes |= unchanged
        placements, unplaced = _place(session, news, links)
        outcomes = _carry_out(session, batch, placements, outcomes | unplaced)
    return outcomes | _hidden(session, batch.scope, outcomes)


def _drop_unchanged(
    records: Records, links: Mapping[str, LinkRow]
) -> tuple[dict[str, Prepared], Outcomes]:
    """Split off records that report nothing new.

    These are what the source reported before, what is older than that, and deletions of records
    that never arrived.
    """
    news: dict[str, Prepared] = {}
    unchanged: Outcomes = {}
    for external_id, record in records.items():
        link = links.get(external_id)
        same = link is not None and (
            link.fingerprint == record.fingerprint or record.observed_at < link.observed_at
        )
        if same or (link is None and record.deleted):
            unchanged[external_id] = Unchanged(external_id, link.customer_id if link else None)
        else:
            news[external_id] = record
    return news, unchanged


def _lock_names(source: Source, news: Records) -> tuple[set[Key], list[tuple[str, str, str]]]:
    """Return the recognition keys and the links that a batch decides about."""
    keys = {key for record in news.values() for key in record.keys}
    return keys, [(source.system, source.installation, external_id) for external_id in news]


def _place(
    session: Session, news: Records, links: Mapping[str, LinkRow]
) -> tuple[list[Placement], Outcomes]:
    """Decide which customer each record belongs to; records of one batch see each other."""
    keys = {key for record in news.values() for key in record.keys}
    pool = Pool.of(match_store.sharing_keys(session, keys))
    placements: list[Placement] = []
    rejected: Outcomes = {}
    for external_id, record in news.items():
        placement = _placement(record, links.get(external_id), pool)
        if isinstance(placement, Rejected):
            rejected[external_id] = placement
        else:
            pool.learn(placement.customer_id, record.kind, record.keys)
            placements.append(placement)
    return placements, rejected


def _placement(record: Prepared, link: LinkRow | None, pool: Pool) -> Placement | Rejected:
    if link is not None:
        others = suspicions(record.kind, record.keys, pool, link.customer_id)
        return Placement(record, link.id, link.customer_id, False, False, others)
    verdict = decide(record.kind, record.keys, pool)
    if isinstance(verdict, Match):
        return Placement(record, new_id(), verdict.customer_id, True, False, verdict.suspicions)
    if record.values.get("name") is None:
        problem = BadInput(
            "name is missing; a new customer needs one.",
            "缺少客户名称；新客户必须有名称。",
            field="name",
        )
        return Rejected(record.external_id, [problem])
    return Placement(record, new_id(), new_id(), True, True, verdict.suspicions)


def _carry_out(
    session: Session, batch: Batch, placements: Sequence[Placement], earlier: Outcomes
) -> Outcomes:
    """Work out claims, golden records, contacts and tags of placed records; write unless dry."""
    created = {placement.customer_id for placement in placements if placement.new_customer}
    existing = {placement.customer_id for placement in placements} - created
    if not batch.dry_run:
        locks.lock_customers(session, existing)
    rows = customer_store.by_ids_unscoped(session, existing)
    placements, refused = _refuse_unpermitted(batch.scope, placements, rows)
    existing = {placement.customer_id for placement in placements} - created
    links = [placement.link_id for placement in placements if not placement.new_link]
    terms = _terms(session, batch)
    claims = claim_store.of_customers(session, existing)
    beliefs = {
        id: Belief(id, tuple(claims[id]), customer_store.golden_of(rows[id])) for id in existing
    }
    tags = tag_store.of_links(session, links)
    contacts = _contacts_by_link(session, links)
    absorption = absorb_placements(placements, terms, beliefs, contacts, tags)
    outcomes = earlier | refused
    outcomes |= {change.outcome.external_id: change.outcome for change in absorption.records}
    if not batch.dry_run and placements:
        change = BatchChange(batch.source, batch.ownership, terms, absorption)
        write(session, batch.scope, change, count_outcomes(outcomes.values()))
    return outcomes


def _refuse_unpermitted(
    scope: Scope, placements: Sequence[Placement], rows: Mapping[UUID, CustomerRow]
) -> tuple[list[Placement], Outcomes]:
    """Reject records of customers that are out of scope or of another kind.

    Of a customer out of scope the caller learns only that it exists.
    """
    permitted: list[Placement] = []
    rejected: Outcomes = {}
    for placement in placements:
        row, record = rows.get(placement.customer_id), placement.record
        problem: HuichiError | None = None
        if row is not None and not scope.sees(row.access):
            problem = _owned_by_another()
        elif row is not None and row.kind != record.kind:
            problem = BadInput(
                f"kind is {record.kind}, but this record was recorded as {row.kind} before.",
                f"kind 为 {record.kind}，但该记录此前为 {row.kind}。",
                field="kind",
            )
        if problem is None:
            permitted.append(placement)
        else:
            rejected[record.external_id] = Rejected(record.external_id, [problem])
    return permitted, rejected


def _terms(session: Session, batch: Batch) -> Terms:
    rules = _rules(session, batch)
    return Terms(batch.source.system, rules, link_store.now(session), telemetry.trace_id())


def _rules(session: Session, batch: Batch) -> Rules:
    """Load the survivorship rules; a source whose priority changed requests a re-election, too."""
    system, priority = batch.source.system, batch.source.priority
    is_written = priority is not None and not batch.dry_run
    if is_written and claim_store.set_priority(session, system, priority or 0):
        reelection_store.request(session)
    rules = claim_store.rules(session)
    if priority is not None:
        rules = Rules(rules.orders, {**rules.priorities, system: priority})
    return rules


def _contacts_by_link(session: Session, links: Sequence[UUID]) -> dict[UUID, list[PresentContact]]:
    contacts: dict[UUID, list[PresentContact]] = {}
    for row in contact_store.by_links(session, links).values():
        content = (row.name, row.title, row.mobile, row.email)
        contact = PresentContact(row.id, row.external_id, content, row.ended_at is not None)
        contacts.setdefault(row.link_id, []).append(contact)
    return contacts


def _hidden(session: Session, scope: Scope, outcomes: Outcomes) -> Outcomes:
    """Reject unchanged records of customers that the caller may not see.

    That a record is unchanged discloses which customer it belongs to.
    """
    if scope.everything:
        return {}
    customers = {
        outcome.external_id: outcome.customer_id
        for outcome in outcomes.values()
        if isinstance(outcome, Unchanged) and outcome.customer_id
    }
    rows = customer_store.by_ids_unscoped(session, set(customers.values()))
    return {
        external_id: Rejected(external_id, [_owned_by_another()])
        for external_id, customer_id in customers.items()
        if (row := rows.get(customer_id)) is None or not scope.sees(row.access)
    }


def _owned_by_another() -> Denied:
    return Denied(
        "This customer exists already and belongs to another owner.",
        "该客户已存在，且归他人负责。",
        field="name",
    )
