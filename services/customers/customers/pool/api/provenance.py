"""Provenance: which source claimed which value when, and why one of the claims won."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import strawberry

from chassis.api.visibility import Visibility
from chassis.policy.masks import Protected
from chassis.policy.row_scopes import RowAccess
from customers.core.api.stubs import SourceRecord
from customers.pool.api.loaders import CustomerElections, PoolLoaders
from customers.pool.api.protected import ANY_FIELD, WHOLE_RECORD, ProtectedText
from customers.pool.domain.fields import FIELDS, field_called
from customers.pool.domain.golden import EVERY_FIELD, Claim, Election
from customers.pool.domain.record import VALUE_ID_PREFIXES
from customers.pool.store.link import LinkRow


@strawberry.type(
    description="A source of a customer: a record of an outside system, or manual entries."
)
class CustomerSource:
    """A link between a customer and an outside record, redacted for its reader."""

    system: str = strawberry.field(
        description="The name of the system; `manual` stands for what users entered."
    )
    external_id: str = strawberry.field(
        description="The id that the system uses. An id that an import made of a credit code, a "
        "telephone number or an e-mail address is replaced by a keyed pseudonym for callers who "
        "may not see those in clear.",
        directives=[WHOLE_RECORD],
    )
    installation_id: str | None = strawberry.field(
        description="The connector installation it came through; null: an import or a manual entry."
    )
    record: SourceRecord | None = strawberry.field(
        description="The raw source record; null where integrations keeps none."
    )
    observed_at: datetime = strawberry.field(
        description="The moment whose state the source last reported."
    )
    deleted: bool = strawberry.field(description="Whether the system has deleted the record.")

    @classmethod
    def of(cls, row: LinkRow, access: RowAccess, loaders: PoolLoaders) -> CustomerSource:
        """Build a source from its link, redacted by the access to its customer."""
        return cls(
            system=row.system,
            external_id=_external_id(row.external_id, access, loaders),
            installation_id=row.installation or None,
            record=SourceRecord.of(row.source_record_id),
            observed_at=row.observed_at,
            deleted=row.deleted,
        )


@strawberry.type(description="A survivorship rule: which systems are believed first.")
class SurvivorshipRule:
    """The order in which systems are believed for one field, or for every field without a rule."""

    field: str | None = strawberry.field(
        description="The field that the rule is for; null: every field without a rule of its own."
    )
    source_order: list[str] = strawberry.field(
        description="Names of systems, the most believed first. Systems that are not named follow, "
        "ordered by the priority of the source, then by the most recent observation."
    )
    version: int | None = strawberry.field(
        default=None, description="Grows with every change; null inside a provenance."
    )


@strawberry.type(description="A claim: one source says that one field has one value.")
class FieldClaim:
    """One claim about a field, redacted for its reader."""

    id: strawberry.ID = strawberry.field(description="The claim's id, which pinField takes.")
    source: CustomerSource = strawberry.field(description="The source that makes the claim.")
    value: ProtectedText = strawberry.field(
        description="The claimed value, under the reader's rights.", directives=[ANY_FIELD]
    )
    observed_at: datetime = strawberry.field(
        description="The moment whose state the source reported."
    )
    recorded_at: datetime = strawberry.field(description="When the pool recorded the claim.")
    trace_id: str | None = strawberry.field(description="The trace that recorded the claim.")
    superseded: bool = strawberry.field(description="Whether another claim is shown instead.")
    pinned: bool = strawberry.field(description="Whether a user has pinned the claim.")


@strawberry.type(description="Why a field shows its value.")
class FieldProvenance:
    """The claims about one field and the rule that chose among them."""

    field: str = strawberry.field(description="The field, as Customer calls it.")
    winner: FieldClaim = strawberry.field(description="The claim whose value is shown.")
    claims: list[FieldClaim] = strawberry.field(
        description="All standing claims: the winner first, then the others in the order in which "
        "they would win."
    )
    rule: SurvivorshipRule = strawberry.field(description="The rule that decided.")
    pinned: bool = strawberry.field(description="Whether a pin decided instead of the rule.")


def provenance(
    customer: CustomerElections,
    access: RowAccess,
    loaders: PoolLoaders,
    fields: Sequence[str] | None,
) -> list[FieldProvenance]:
    """Return the provenance of the named fields, or of all that have a value, in the fields' order.

    A field that is hidden from the reader is left out: a claim would disclose that it has a value.
    Raises `BadInput` where a name is not a field.
    """
    names = [field_called(name, "fields").name for name in fields] if fields else list(FIELDS)
    return [
        field_provenance(name, customer.elections[name], customer.links, access, loaders)
        for name in dict.fromkeys(names)
        if name in customer.elections and not _is_hidden(name, access, loaders)
    ]


def _is_hidden(name: str, access: RowAccess, loaders: PoolLoaders) -> bool:
    coordinate = FIELDS[name].protected_by
    if coordinate is None:
        return False
    return loaders.redactor(coordinate)(access, "").visibility is Visibility.HIDDEN


def _external_id(id: str, access: RowAccess, loaders: PoolLoaders) -> str:
    prefix, _, value = id.partition(":")
    if prefix not in VALUE_ID_PREFIXES or all(
        loaders.shows_clear(coordinate, access) for coordinate in WHOLE_RECORD.by
    ):
        return id
    return f"{prefix}:{loaders.fingerprint(value)}"


def field_provenance(
    name: str,
    election: Election,
    links: dict[UUID, LinkRow],
    access: RowAccess,
    loaders: PoolLoaders,
) -> FieldProvenance:
    """Build the provenance of one field from its election, redacted for the reader."""
    pinned_id = election.winner.id if election.by_pin else None
    claims = [
        _claim(claim, links[claim.link_id], access, loaders, election.winner.id, pinned_id)
        for claim in election.standing
    ]
    return FieldProvenance(
        field=FIELDS[name].graph_name,
        winner=claims[0],
        claims=claims,
        rule=SurvivorshipRule(
            field=None if election.rule == EVERY_FIELD else FIELDS[name].graph_name,
            source_order=list(election.order),
        ),
        pinned=election.by_pin,
    )


def _claim(
    claim: Claim,
    link: LinkRow,
    access: RowAccess,
    loaders: PoolLoaders,
    winner: UUID,
    pinned: UUID | None,
) -> FieldClaim:
    coordinate = FIELDS[claim.field].protected_by
    value = (
        ProtectedText.deferred(loaders.redactor(coordinate), access, claim.value)
        if coordinate
        else ProtectedText.of(Protected(claim.value, Visibility.CLEAR))
    )
    return FieldClaim(
        id=strawberry.ID(str(claim.id)),
        source=CustomerSource.of(link, access, loaders),
        value=value,
        observed_at=claim.observed_at,
        recorded_at=claim.recorded_at,
        trace_id=claim.trace_id,
        superseded=claim.id != winner,
        pinned=claim.id == pinned,
    )
