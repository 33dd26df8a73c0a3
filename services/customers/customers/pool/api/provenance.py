"""Where each shown value comes from: who claimed what when, and why one of them won."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import strawberry

from chassis.api.visibility import Visibility
from chassis.policy.masks import Protected
from chassis.policy.row_scopes import RowAccess
from customers.core.api.loaders import Believed, Loaders
from customers.core.api.protected import A_RECORD, SOME_FIELD, ProtectedText
from customers.core.api.stubs import SourceRecord
from customers.imports.domain.sheet_mapping import MADE_OF_VALUES
from customers.pool.domain.fields import FIELDS, field_called
from customers.pool.domain.golden import EVERY_FIELD, Claim, Election
from customers.pool.store.link import LinkRow


@strawberry.type(description="An outside record, or people's own word, that speaks of a customer.")
class CustomerSource:
    system: str = strawberry.field(description="Which system; `manual` is people's own word.")
    external_id: str = strawberry.field(
        description="The id the system uses. One that an import made of a credit code, a number or an "
        "address is keyed for whoever may not see those in clear.",
        directives=[A_RECORD],
    )
    installation_id: str | None = strawberry.field(
        description="The set-up connector it came through; null: an import or a person."
    )
    record: SourceRecord | None = strawberry.field(
        description="The record as the system has it; null where integrations keeps none."
    )
    observed_at: datetime = strawberry.field(description="As of when the system said it.")
    deleted: bool = strawberry.field(description="Whether the system no longer has the record.")

    @classmethod
    def of(cls, row: LinkRow, access: RowAccess, loaders: Loaders) -> CustomerSource:
        return cls(
            system=row.system,
            external_id=_external_id(row.external_id, access, loaders),
            installation_id=row.installation or None,
            record=SourceRecord.of(row.source_record_id),
            observed_at=row.observed_at,
            deleted=row.deleted,
        )


@strawberry.type(description="Which systems are believed first.")
class SurvivorshipRule:
    field: str | None = strawberry.field(description="For this field; null: for every other one.")
    source_order: list[str] = strawberry.field(
        description="Systems, the most believed first. Those not named come after them, by the "
        "priority of the source, then the most recent."
    )
    version: int | None = strawberry.field(
        default=None, description="Grows with every change; null inside a provenance."
    )


@strawberry.type(description="One source says that a field has a value.")
class FieldClaim:
    id: strawberry.ID = strawberry.field(description="Give this to pinField.")
    source: CustomerSource = strawberry.field(description="Who says so.")
    value: ProtectedText = strawberry.field(
        description="The value, under the reader's rights.", directives=[SOME_FIELD]
    )
    observed_at: datetime = strawberry.field(description="As of when the source said it.")
    recorded_at: datetime = strawberry.field(description="When the pool heard it.")
    trace_id: str | None = strawberry.field(description="The trace it was recorded in.")
    superseded: bool = strawberry.field(description="Whether another claim is shown instead.")
    pinned: bool = strawberry.field(description="Whether somebody holds it on top by hand.")


@strawberry.type(description="Why a field shows what it shows.")
class FieldProvenance:
    field: str = strawberry.field(description="The field, as the customer type calls it.")
    winner: FieldClaim = strawberry.field(description="The claim that is shown.")
    claims: list[FieldClaim] = strawberry.field(
        description="All claims that stand, the winner first, then who would be next."
    )
    rule: SurvivorshipRule = strawberry.field(description="The rule that decided.")
    pinned: bool = strawberry.field(description="Whether a pin decided instead of the rule.")


def provenance(
    believed: Believed, access: RowAccess, loaders: Loaders, wanted: Sequence[str] | None
) -> list[FieldProvenance]:
    """The provenance of the wanted fields, or of all that have a value, in the fields' order. A field
    that is hidden from the reader is left out: that there is a claim would tell that it has a value."""
    names = [field_called(name, "fields").name for name in wanted] if wanted else list(FIELDS)
    return [
        shown(name, believed.elections[name], believed.links, access, loaders)
        for name in dict.fromkeys(names)
        if name in believed.elections and not _is_hidden(name, access, loaders)
    ]


def _is_hidden(name: str, access: RowAccess, loaders: Loaders) -> bool:
    coordinate = FIELDS[name].protected_by
    if coordinate is None:
        return False
    return loaders.redactor(coordinate)(access, "").visibility is Visibility.HIDDEN


def _external_id(id: str, access: RowAccess, loaders: Loaders) -> str:
    made, _, of = id.partition(":")
    if made not in MADE_OF_VALUES or all(loaders.clear(one, access) for one in A_RECORD.by):
        return id
    return f"{made}:{loaders.fingerprint(of)}"


def shown(
    name: str,
    election: Election,
    links: dict[UUID, LinkRow],
    access: RowAccess,
    loaders: Loaders,
) -> FieldProvenance:
    """One field's election as its reader may see it."""
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
    loaders: Loaders,
    winner: UUID,
    pinned: UUID | None,
) -> FieldClaim:
    coordinate = FIELDS[claim.field].protected_by
    value = (
        ProtectedText.asked(loaders.redactor(coordinate), access, claim.value)
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
