"""Duplicates: the check before creating a customer, and match candidates for stewards."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from chassis.api.context import Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from chassis.errors import BadInput
from chassis.policy.row_scopes import RowAccess
from customers.core.api.arguments import ExpectedVersion, write_with_retry
from customers.core.api.enums import Agreement, CandidateStatus, CustomerKind
from customers.core.api.ids import uuid
from customers.core.api.stubs import User
from customers.pool.api.customer import Customer
from customers.pool.api.loaders import PoolLoaders
from customers.pool.api.protected import CREDIT_CODE, EMAIL, MOBILE
from customers.pool.commands import match as commands
from customers.pool.domain.fields import FIELDS
from customers.pool.domain.match import Evidence, score
from customers.pool.store import match as store
from customers.pool.store.match import CandidateRow


@strawberry.type(
    description="The evidence of one field for or against two customers being the same."
)
class MatchEvidence:
    """The evidence of one field."""

    field: str = strawberry.field(description="The field, as Customer calls it.")
    agreement: Agreement = strawberry.field(
        description="How the values of the two customers compare."
    )
    weight: float = strawberry.field(
        description="The weight of the evidence; a negative one speaks against a match."
    )

    @classmethod
    def of(cls, evidence: Evidence) -> MatchEvidence:
        """Build the evidence of one field."""
        return cls(
            field=FIELDS[evidence.field].graph_name,
            agreement=Agreement(evidence.agreement),
            weight=evidence.weight,
        )


@strawberry.federation.type(
    keys=["id"], description="A match candidate: two customers that may be the same."
)
class MatchCandidate:
    """Two customers that may be the same, with the evidence that the caller may see."""

    id: strawberry.ID = strawberry.field(description="The candidate's id.")
    version: int = strawberry.field(
        description="Grows with every decision; pass it as expectedVersion on decisions."
    )
    status: CandidateStatus = strawberry.field(description="The decision about the candidate.")
    reason: str | None = strawberry.field(
        description="The reason that the user who decided has given."
    )
    created_at: datetime = strawberry.field(description="When the candidate was detected.")
    decided_at: datetime | None = strawberry.field(description="When it was decided.")
    decided_by: User | None = strawberry.field(description="The user who decided.")
    row: strawberry.Private[CandidateRow]

    @strawberry.field(description="The customer that was recorded first.")
    async def left(self, info: Info) -> Customer | None:
        """Return the customer that was recorded first."""
        return await Customer.resolve_reference(info, strawberry.ID(str(self.row.left_id)))

    @strawberry.field(description="The customer that was recorded later.")
    async def right(self, info: Info) -> Customer | None:
        """Return the customer that was recorded later."""
        return await Customer.resolve_reference(info, strawberry.ID(str(self.row.right_id)))

    @strawberry.field(
        description="The strength of the evidence, 0 to 1; of the visible evidence for callers who "
        "may not see all of it."
    )
    async def score(self, info: Info) -> float:
        """Return the score of the evidence that the caller may see."""
        visible = await self.visible_evidence(info)
        return self.row.score if len(visible) == len(self.row.evidence) else score(visible)

    @strawberry.field(
        description="The evidence for and against a match, as far as the caller may see it."
    )
    async def evidence(self, info: Info) -> list[MatchEvidence]:
        """Return the evidence that the caller may see."""
        return [MatchEvidence.of(evidence) for evidence in await self.visible_evidence(info)]

    async def visible_evidence(self, info: Info) -> list[Evidence]:
        """Filter the evidence to fields that the caller sees in clear on both customers."""
        loaders = info.context.loaders_of(PoolLoaders)
        rows = await loaders.customers.load_many([self.row.left_id, self.row.right_id])
        return [
            evidence
            for evidence in self.row.evidence
            if all(row and may_compare(evidence, row.access, loaders) for row in rows)
        ]

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> MatchCandidate | None:
        """Load a candidate; `None` unless the caller sees both customers and a reason for it.

        A candidate that was decided by hand has no evidence and needs none.
        """
        info.context.scope("Customer", "merge")
        row = await info.context.read(store.candidate_by_id, uuid(id, "id"))
        if row is None:
            return None
        sides = [row.left_id, row.right_id]
        customers = await info.context.loaders_of(PoolLoaders).customers.load_many(sides)
        if not all(customers):
            return None
        candidate = cls.of(row)
        visible = await candidate.visible_evidence(info) if row.evidence else []
        has_reason = not row.evidence or any(evidence.weight > 0 for evidence in visible)
        return candidate if has_reason else None

    @classmethod
    def of(cls, row: CandidateRow) -> MatchCandidate:
        """Build a candidate from its row."""
        return cls(
            id=strawberry.ID(str(row.id)),
            version=row.version,
            status=CandidateStatus(row.status),
            reason=row.reason or None,
            created_at=row.created_at,
            decided_at=row.decided_at,
            decided_by=User.of(row.decided_by),
            row=row,
        )


def may_compare(evidence: Evidence, access: RowAccess, loaders: PoolLoaders) -> bool:
    """Check whether the caller sees a field in clear: that a number agrees discloses the number."""
    coordinate = FIELDS[evidence.field].protected_by
    return coordinate is None or loaders.shows_clear(coordinate, access)


@strawberry.type(
    description="An existing customer that may be the one searched for. Callers who may not see it "
    "learn only that it exists and who owns it."
)
class Duplicate:
    """An existing customer that may be the one searched for."""

    customer: Customer | None = strawberry.field(
        description="The customer; null where the caller may not see it."
    )
    owner: User | None = strawberry.field(
        description="The owner of the customer; null: it is in the pool."
    )
    certain: bool = strawberry.field(
        description="Whether a strong key shows that it is the same customer, so that creating it "
        "would be refused."
    )
    score: float | None = strawberry.field(
        description="The strength of the evidence, 0 to 1; null where the caller may not see it."
    )
    evidence: list[MatchEvidence] = strawberry.field(
        description="The evidence for a match; empty where the caller may not see it."
    )

    @classmethod
    def of(cls, duplicate: commands.Duplicate, loaders: PoolLoaders) -> Duplicate:
        """Build a duplicate for the caller."""
        row = duplicate.row
        return cls(
            customer=Customer.of(row, loaders) if row else None,
            owner=User.of(duplicate.owner_id),
            certain=duplicate.certain,
            score=duplicate.score,
            evidence=[
                MatchEvidence.of(evidence)
                for evidence in duplicate.evidence
                if row and may_compare(evidence, row.access, loaders)
            ],
        )


@strawberry.type(description="The match candidate after a decision, or why it was refused.")
class MatchCandidatePayload:
    """The result of deciding about a match candidate."""

    match_candidate: MatchCandidate | None = strawberry.field(
        default=None, description="The candidate as it is now."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was written; empty on success."
    )


@strawberry.type
class MatchQuery:
    """Queries of duplicates."""

    @strawberry.field(
        description="Check whether the pool holds a customer with one of these values. Every check "
        "is audited, and the number of checks per user and day is limited.",
        metadata=right("Customer", "create"),
    )
    async def duplicate_check(
        self,
        info: Info,
        name: Annotated[
            str | None, strawberry.argument(description="The customer's name, in any spelling.")
        ] = None,
        phone: Annotated[
            str | None,
            strawberry.argument(
                description="The customer's telephone number, in any spelling.",
                directives=[MOBILE],
            ),
        ] = None,
        email: Annotated[
            str | None,
            strawberry.argument(description="The customer's e-mail address.", directives=[EMAIL]),
        ] = None,
        unified_social_credit_code: Annotated[
            str | None,
            strawberry.argument(
                description="The 统一社会信用代码 of an organisation.", directives=[CREDIT_CODE]
            ),
        ] = None,
        kind: Annotated[
            CustomerKind,
            strawberry.argument(description="Whether the customer is an organisation or a person."),
        ] = CustomerKind.ORGANIZATION,
    ) -> list[Duplicate]:
        """Check for existing customers with these values."""
        ctx = info.context
        arguments = {
            "name": name,
            "phone": phone,
            "email": email,
            "unified_social_credit_code": unified_social_credit_code,
        }
        values = {field: text for field, text in arguments.items() if text}
        if not values:
            raise BadInput(
                "Pass at least one of name, phone, email and unifiedSocialCreditCode.",
                "请至少提供名称、电话、邮箱或统一社会信用代码之一。",
                field="name",
            )
        limit = ctx.runtime.settings.duplicate_checks_a_day
        scope = ctx.scope("Customer")
        duplicates = await write_with_retry(
            ctx, commands.check_duplicate, scope, kind.name, values, limit
        )
        loaders = ctx.loaders_of(PoolLoaders)
        return [Duplicate.of(duplicate, loaders) for duplicate in duplicates]

    @strawberry.field(
        description="Match candidates, the strongest first: those of which the caller may see both "
        "customers and some of the evidence. Callers who do not see all telephone numbers, e-mail "
        "addresses and credit codes in clear get the newest first and cannot use minScore.",
        metadata=right("Customer", "merge"),
    )
    async def match_candidates(
        self,
        info: Info,
        status: Annotated[
            CandidateStatus, strawberry.argument(description="Filter by decision.")
        ] = CandidateStatus.OPEN,
        min_score: Annotated[
            float, strawberry.argument(description="Filter by the least score, 0 to 1.")
        ] = 0.0,
        customer_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="Filter by the id of one of the customers."),
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[MatchCandidate]:
        """Return a page of match candidates."""
        page = await info.context.read(
            store.candidates,
            info.context.scope("Customer", "merge"),
            status=status.name,
            min_score=min_score,
            customer_id=uuid(customer_id, "customerId") if customer_id else None,
            window=Window(first, after),
        )
        connection: Connection[MatchCandidate] = connect(
            page, lambda row: MatchCandidate.of(store.candidate_of(row))
        )
        return connection


@strawberry.type
class MatchMutation:
    """The mutation that decides about match candidates."""

    @strawberry.mutation(
        description="Dismiss a match candidate: the two customers are different and are not "
        "suggested again.",
        metadata=right("Customer", "merge"),
    )
    @answers(MatchCandidatePayload)
    async def dismiss_match_candidate(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The candidate's id.")],
        reason: Annotated[
            str | None,
            strawberry.argument(description="The reason of the decision, at most 500 characters."),
        ] = None,
        expected_version: ExpectedVersion = None,
    ) -> MatchCandidatePayload:
        """Dismiss a match candidate."""
        scope = info.context.scope("Customer", "merge")
        await write_with_retry(
            info.context, commands.dismiss, scope, uuid(id, "id"), reason, expected_version
        )
        return MatchCandidatePayload(
            match_candidate=await MatchCandidate.resolve_reference(info, id)
        )
