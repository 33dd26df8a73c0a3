"""A batch from outside becomes claims, matches and golden records.

Everything is worked out in memory first, so a dry run says exactly what the real run would do, and
what is written is a fixed number of statements however many records the batch has. Twice is the same
as once: what a source said before word for word is dropped before anything is locked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.orm import Session

from chassis import telemetry
from chassis.errors import BadInput, Denied, HuichiError
from chassis.policy.scope import Scope
from customers.core.domain.ids import new_id
from customers.pool.commands.absorb_write import Change, Ownership, Tags, counted, write
from customers.pool.domain.absorption import (
    CONTACTS,
    TAGS,
    Beliefs,
    KnownContact,
    People,
    Placement,
    said_by,
)
from customers.pool.domain.golden import Rules
from customers.pool.domain.match import Key, Match, Pool, decide, suspicions
from customers.pool.domain.outcome import (
    Ambiguous,
    Created,
    Matched,
    Outcome,
    Rejected,
    Unchanged,
    Updated,
)
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


def absorb(
    session: Session,
    scope: Scope,
    source: Source,
    records: Sequence[SourceRecord],
    *,
    dry_run: bool = False,
    ownership: Ownership | None = None,
) -> list[Outcome]:
    """What became of each record, in the order they were given."""
    _refuse_too_many(source, len(records))
    work = _Work(session, scope, source, dry_run, ownership or Ownership())
    return work.run(work.sort_out(records), [record.external_id for record in records])


def absorb_prepared(
    session: Session,
    scope: Scope,
    source: Source,
    records: Sequence[Prepared],
    *,
    dry_run: bool = False,
    ownership: Ownership | None = None,
) -> list[Outcome]:
    """The same for records that were checked already."""
    _refuse_too_many(source, len(records))
    work = _Work(session, scope, source, dry_run, ownership or Ownership())
    return work.run(folded(records), [record.external_id for record in records])


def folded(records: Iterable[Prepared]) -> dict[str, Prepared]:
    """One record for each external id."""
    ready: dict[str, Prepared] = {}
    for record in records:
        earlier = ready.get(record.external_id)
        ready[record.external_id] = fold(earlier, record) if earlier else record
    return ready


def _refuse_too_many(source: Source, count: int) -> None:
    if count > MAX_RECORDS:
        raise BadInput(
            f"records has {count} records; one batch holds at most {MAX_RECORDS}.",
            f"records 有 {count} 条，一批最多 {MAX_RECORDS} 条。",
            field="records",
        )
    if not source.system.strip() or len(source.system) > 100 or source.system == MANUAL:
        raise BadInput(
            f"system must have 1 to 100 characters and not be {MANUAL!r}, which is people's own.",
            f"system 长度应为 1 到 100，且不能是保留名 {MANUAL!r}。",
            field="source.system",
        )


def _to_lock(
    source: Source, news: Mapping[str, Prepared]
) -> tuple[set[Key], list[tuple[str, str, str]]]:
    keys = {key for record in news.values() for key in record.keys}
    return keys, [(source.system, source.installation, external_id) for external_id in news]


@dataclass
class _Work:
    """One batch on its way through."""

    session: Session
    scope: Scope
    source: Source
    dry_run: bool
    ownership: Ownership
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def run(self, ready: Mapping[str, Prepared], asked: Sequence[str]) -> list[Outcome]:
        """The whole story of a batch."""
        links = link_store.by_external_ids(self.session, self.source, list(ready))
        news = self.drop_unchanged(ready, links)
        if news:
            if not self.dry_run:
                locks.lock_keys(self.session, *_to_lock(self.source, news))
                links = link_store.by_external_ids(self.session, self.source, list(news))
                news = self.drop_unchanged(news, links)
            self.carry_out(self.place(news, links))
        self._hide_unseen()
        return [self.outcomes[external_id] for external_id in asked]

    def sort_out(self, records: Sequence[SourceRecord]) -> dict[str, Prepared]:
        """The records that may enter, one for each external id; the others are rejected."""
        right: list[Prepared] = []
        for record in records:
            prepared = prepare(record)
            if isinstance(prepared, list):
                self.outcomes[record.external_id] = Rejected(record.external_id, prepared)
            else:
                right.append(prepared)
        return folded(right)

    def drop_unchanged(
        self, records: Mapping[str, Prepared], links: Mapping[str, LinkRow]
    ) -> dict[str, Prepared]:
        """Without what the source said before, what is older than that, and unheard-of ends."""
        news: dict[str, Prepared] = {}
        for external_id, record in records.items():
            link = links.get(external_id)
            same = link is not None and (
                link.fingerprint == record.fingerprint or record.observed_at < link.observed_at
            )
            if same or (link is None and record.deleted):
                self.outcomes[external_id] = Unchanged(
                    external_id, link.customer_id if link else None
                )
            else:
                news[external_id] = record
        return news

    def _hide_unseen(self) -> None:
        """That nothing changed is for those who may see the customer; others are refused."""
        if self.scope.everything:
            return
        said = [o for o in self.outcomes.values() if isinstance(o, Unchanged) and o.customer_id]
        rows = customer_store.by_ids_unscoped(self.session, {o.customer_id for o in said})  # type: ignore[misc]  # filtered above
        for outcome in said:
            row = rows.get(outcome.customer_id)  # type: ignore[arg-type]  # filtered above
            if row is None or not self.scope.sees(row.access):
                self.outcomes[outcome.external_id] = Rejected(outcome.external_id, [_elsewhere()])

    def place(self, news: Mapping[str, Prepared], links: Mapping[str, LinkRow]) -> list[Placement]:
        """Which customer each record belongs to; records of one batch see each other."""
        keys = {key for record in news.values() for key in record.keys}
        pool = Pool.of(match_store.known_by(self.session, keys))
        placements: list[Placement] = []
        for external_id, record in news.items():
            link = links.get(external_id)
            placed = self._placed(record, link, pool)
            if placed is not None:
                pool.learn(placed.customer_id, record.kind, record.keys)
                placements.append(placed)
        return placements

    def _placed(self, record: Prepared, link: LinkRow | None, pool: Pool) -> Placement | None:
        if link is not None:
            others = suspicions(record.kind, record.keys, pool, link.customer_id)
            return Placement(record, link.id, link.customer_id, False, False, others)
        verdict = decide(record.kind, record.keys, pool)
        if isinstance(verdict, Match):
            return Placement(record, new_id(), verdict.customer_id, True, False, verdict.suspicions)
        if record.values.get("name") is None:
            problem = BadInput(
                "name is missing; a customer nobody knows yet needs one.",
                "缺少客户名称；新客户必须有名称。",
                field="name",
            )
            self.outcomes[record.external_id] = Rejected(record.external_id, [problem])
            return None
        return Placement(record, new_id(), new_id(), True, True, verdict.suspicions)

    def carry_out(self, placements: Sequence[Placement]) -> None:
        """Claims, golden records, contacts and tags of every placement; written unless dry."""
        session = self.session
        made = {placed.customer_id for placed in placements if placed.new_customer}
        touched = {placed.customer_id for placed in placements} - made
        if not self.dry_run:
            locks.lock_customers(session, touched)
        rows = customer_store.by_ids_unscoped(session, touched)
        placements = self._permitted(placements, rows)
        touched = {placed.customer_id for placed in placements}
        known_links = [placed.link_id for placed in placements if not placed.new_link]
        beliefs = Beliefs(
            system=self.source.system,
            rules=self._rules(),
            at=link_store.now(session),
            trace_id=telemetry.trace_id(),
            claims=claim_store.of_customers(session, touched - made),
            golden={id: customer_store.golden_of(row) for id, row in rows.items()},
        )
        people = People(beliefs.at)
        tags = Tags(tag_store.of_links(session, known_links))
        contacts = _contacts_of(session, known_links)
        effective: set[UUID] = set()
        for placed in placements:
            before = beliefs.touches
            changed = self._take(placed, beliefs, people, tags, contacts)
            if placed.new_link or changed or beliefs.touches != before:
                effective.add(placed.customer_id)
                self.outcomes[placed.record.external_id] = _outcome(placed, changed)
            else:
                external_id = placed.record.external_id
                self.outcomes[external_id] = Unchanged(external_id, placed.customer_id)
        if not self.dry_run and placements:
            change = Change(
                self.source, self.ownership, placements, effective, beliefs, people, tags
            )
            write(session, self.scope, change, counted(self.outcomes.values()))

    def _permitted(
        self, placements: Sequence[Placement], rows: Mapping[UUID, CustomerRow]
    ) -> list[Placement]:
        """Records of customers out of scope are rejected: told that it exists, and no more."""
        kept: list[Placement] = []
        for placed in placements:
            row = rows.get(placed.customer_id)
            problem: HuichiError | None = None
            if row is not None and not self.scope.sees(row.access):
                problem = _elsewhere()
            elif row is not None and row.kind != placed.record.kind:
                problem = BadInput(
                    f"kind is {placed.record.kind}, but this record is known as {row.kind}.",
                    f"kind 为 {placed.record.kind}，但该记录此前为 {row.kind}。",
                    field="kind",
                )
            if problem is None:
                kept.append(placed)
            else:
                external_id = placed.record.external_id
                self.outcomes[external_id] = Rejected(external_id, [problem])
        return kept

    def _rules(self) -> Rules:
        """The rules; a source whose priority became another also asks for a re-election."""
        priority = self.source.priority
        given = priority is not None and not self.dry_run
        if given and claim_store.set_priority(self.session, self.source.system, priority or 0):
            reelection_store.request(self.session)
        found = claim_store.rules(self.session)
        if priority is not None:
            found = Rules(found.orders, {**found.priorities, self.source.system: priority})
        return found

    def _take(
        self,
        placed: Placement,
        beliefs: Beliefs,
        people: People,
        tags: Tags,
        contacts: Mapping[UUID, list[KnownContact]],
    ) -> tuple[str, ...]:
        record = placed.record
        present = beliefs.present_values(placed.customer_id, placed.link_id)
        changed = beliefs.assert_values(
            placed.customer_id, placed.link_id, said_by(record, present), record.observed_at
        )
        if people.take(placed, contacts.get(placed.link_id, [])):
            changed = (*changed, CONTACTS)
        if tags.take(placed):
            changed = (*changed, TAGS)
        return changed


def _elsewhere() -> Denied:
    return Denied(
        "This customer exists already and belongs to somebody else.",
        "该客户已存在，且归他人负责。",
        field="name",
    )


def _contacts_of(session: Session, links: Sequence[UUID]) -> dict[UUID, list[KnownContact]]:
    found: dict[UUID, list[KnownContact]] = {}
    for row in contact_store.by_links(session, links).values():
        content = (row.name, row.title, row.mobile, row.email)
        known = KnownContact(row.id, row.external_id, content, row.ended_at is not None)
        found.setdefault(row.link_id, []).append(known)
    return found


def _outcome(placed: Placement, changed: tuple[str, ...]) -> Outcome:
    external_id, customer_id = placed.record.external_id, placed.customer_id
    if not placed.new_link:
        return Updated(external_id, customer_id, changed)
    if not placed.new_customer:
        return Matched(external_id, customer_id, changed)
    if placed.suspicions:
        candidates = tuple(s.customer_id for s in placed.suspicions)
        return Ambiguous(external_id, customer_id, candidates, changed)
    return Created(external_id, customer_id, changed)
