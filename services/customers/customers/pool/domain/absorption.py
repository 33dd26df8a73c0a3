"""What a batch changes, worked out in memory: the same answer whether it is then written or not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from customers.core.domain.ids import new_id
from customers.pool.domain.golden import Claim, Rules, elect, values
from customers.pool.domain.match import Suspicion
from customers.pool.domain.record import Prepared

CONTACTS = "contacts"
TAGS = "tags"


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a record belongs: its link (new or known), its customer (new or known), and why."""

    record: Prepared
    link_id: UUID
    customer_id: UUID
    new_link: bool
    new_customer: bool
    suspicions: tuple[Suspicion, ...] = ()


@dataclass
class Beliefs:
    """The claims and golden records of the customers a command touches."""

    system: str
    rules: Rules
    at: datetime
    trace_id: str | None
    claims: dict[UUID, list[Claim]]
    golden: dict[UUID, dict[str, str]]
    ended: list[UUID] = field(default_factory=list)
    made: dict[UUID, Claim] = field(default_factory=dict)

    @property
    def touches(self) -> int:
        """How many claims were ended or made so far."""
        return len(self.ended) + len(self.made)

    def assert_values(
        self,
        customer_id: UUID,
        link_id: UUID,
        said: Mapping[str, str | None],
        observed_at: datetime,
    ) -> tuple[str, ...]:
        """Takes what a link says now; returns the fields whose shown value became another."""
        known = self.claims.setdefault(customer_id, [])
        present = {c.field: c for c in known if c.link_id == link_id and c.ended_at is None}
        for name, value in said.items():
            before = present.get(name)
            if (before.value if before else None) == value:
                continue
            if before:
                self._end(known, before)
            if value is not None:
                known.append(self._make(link_id, name, value, observed_at))
        return self.reelect(customer_id)

    def present_values(self, customer_id: UUID, link_id: UUID) -> dict[str, str]:
        """What a link says now."""
        return {
            c.field: c.value
            for c in self.claims.get(customer_id, ())
            if c.link_id == link_id and c.ended_at is None
        }

    def reelect(self, customer_id: UUID) -> tuple[str, ...]:
        """Elects again; returns the fields whose shown value became another."""
        before = self.golden.get(customer_id, {})
        after = values(elect(self.claims.get(customer_id, ()), self.rules, self.at))
        self.golden[customer_id] = after
        return tuple(
            sorted(name for name in before.keys() | after if before.get(name) != after.get(name))
        )

    def _make(self, link_id: UUID, name: str, value: str, observed_at: datetime) -> Claim:
        claim = Claim(
            id=new_id(),
            link_id=link_id,
            system=self.system,
            field=name,
            value=value,
            observed_at=observed_at,
            recorded_at=self.at,
            trace_id=self.trace_id,
        )
        self.made[claim.id] = claim
        return claim

    def _end(self, known: list[Claim], claim: Claim) -> None:
        known.remove(claim)
        if self.made.pop(claim.id, None) is not None:
            return  # made and taken back within one batch: it never was
        known.append(ended(claim, self.at))
        self.ended.append(claim.id)


def ended(claim: Claim, at: datetime) -> Claim:
    """The claim, no longer made from this moment on."""
    return Claim(
        id=claim.id,
        link_id=claim.link_id,
        system=claim.system,
        field=claim.field,
        value=claim.value,
        observed_at=claim.observed_at,
        recorded_at=claim.recorded_at,
        ended_at=at,
        pinned_from=claim.pinned_from,
        pinned_until=claim.pinned_until,
        trace_id=claim.trace_id,
    )


def said_by(record: Prepared, present: Iterable[str]) -> Mapping[str, str | None]:
    """What a record says of every field it speaks of; a deleted one takes everything back."""
    return dict.fromkeys(present) if record.deleted else record.values


@dataclass
class People:
    """The contacts of the links a batch touches, and what becomes of them."""

    at: datetime
    new: list[dict[str, object]] = field(default_factory=list)
    changed: list[dict[str, object]] = field(default_factory=list)
    gone: list[UUID] = field(default_factory=list)

    def take(self, placement: Placement, present: Sequence[KnownContact]) -> bool:
        """Takes the contacts of one record; whether anything became different."""
        record = placement.record
        by_external = {contact.external_id: contact for contact in present}
        different = False
        for said in () if record.deleted else record.contacts:
            row = {
                "name": said.name,
                "title": said.title,
                "mobile": said.mobile,
                "email": said.email,
            }
            known = by_external.pop(said.external_id, None)
            if known is None:
                self._add(placement, said.external_id, row)
                different = True
            elif known.ended or known.content != tuple(row.values()):
                self.changed.append({"id": known.id, **row, "identity": _identity(row)})
                different = True
        if record.complete or record.deleted:
            leaving = [contact.id for contact in by_external.values() if not contact.ended]
            self.gone += leaving
            different = different or bool(leaving)
        return different

    def _add(self, placement: Placement, external_id: str, row: dict[str, str | None]) -> None:
        self.new.append(
            {
                "id": new_id(),
                "link_id": placement.link_id,
                "external_id": external_id,
                "customer_id": placement.customer_id,
                "version": 1,
                **row,
                "identity": _identity(row),
                "created_at": self.at,
                "updated_at": self.at,
            }
        )


@dataclass(frozen=True, slots=True)
class KnownContact:
    """A contact a link gave before."""

    id: UUID
    external_id: str
    content: tuple[str | None, ...]
    ended: bool


def _identity(row: Mapping[str, str | None]) -> str:
    from customers.pool.domain.record import ContactRecord, contact_identity

    return contact_identity(ContactRecord("", **row))
