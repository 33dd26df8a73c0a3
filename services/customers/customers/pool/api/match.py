"""Duplicates: asking before creating, and the pairs that wait for a steward."""

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
from customers.pool.commands.match import Duplicate as Found
from customers.pool.domain.fields import FIELDS
from customers.pool.domain.match import Evidence, score
from customers.pool.store import match as store
from customers.pool.store.match import CandidateRow


@strawberry.type(description="How one field speaks for or against two customers being one.")
class MatchEvidence:
    field: str = strawberry.field(description="The field.")
    agreement: Agreement = strawberry.field(description="What it says.")
    weight: float = strawberry.field(description="How much that counts; negative: against.")

    @classmethod
    def of(cls, evidence: Evidence) -> MatchEvidence:
        return cls(
            field=FIELDS[evidence.field].graph_name,
            agreement=Agreement(evidence.agreement),
            weight=evidence.weight,
        )


@strawberry.federation.type(keys=["id"], description="Two customers that may be one.")
class MatchCandidate:
    id: strawberry.ID = strawberry.field(description="The candidate's id.")
    version: int = strawberry.field(description="Grows with every decision.")
    status: CandidateStatus = strawberry.field(description="What was decided.")
    reason: str | None = strawberry.field(description="Why, in the words of who decided.")
    created_at: datetime = strawberry.field(description="When the pool noticed.")
    decided_at: datetime | None = strawberry.field(description="When it was decided.")
    decided_by: User | None = strawberry.field(description="Who decided.")
    row: strawberry.Private[CandidateRow]

    @strawberry.field(description="The one the pool knew first.")
    async def left(self, info: Info) -> Customer | None:
        return await Customer.resolve_reference(info, strawberry.ID(str(self.row.left_id)))

    @strawberry.field(description="The other one.")
    async def right(self, info: Info) -> Customer | None:
        return await Customer.resolve_reference(info, strawberry.ID(str(self.row.right_id)))

    @strawberry.field(
        description="How sure the evidence is, 0 to 1; for whoever may not see all of it, what they see."
    )
    async def score(self, info: Info) -> float:
        seen = await self.seen_evidence(info)
        return self.row.score if len(seen) == len(self.row.evidence) else score(seen)

    @strawberry.field(description="What speaks for and against, as far as the reader may see it.")
    async def evidence(self, info: Info) -> list[MatchEvidence]:
        return [MatchEvidence.of(one) for one in await self.seen_evidence(info)]

    async def seen_evidence(self, info: Info) -> list[Evidence]:
        """What its reader may know."""
        loaders = info.context.loaders_of(PoolLoaders)
        rows = await loaders.customers.load_many([self.row.left_id, self.row.right_id])
        return [
            one
            for one in self.row.evidence
            if all(row and may_know(one, row.access, loaders) for row in rows)
        ]

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> MatchCandidate | None:
        info.context.scope("Customer", "merge")
        found = await info.context.read(store.candidate_by_id, uuid(id, "id"))
        if found is None:
            return None
        sides = [found.left_id, found.right_id]
        rows = await info.context.loaders_of(PoolLoaders).customers.load_many(sides)
        one = cls.of(found)
        seen = all(rows) and (
            not found.evidence or any(e.weight > 0 for e in await one.seen_evidence(info))
        )
        return one if seen else None

    @classmethod
    def of(cls, row: CandidateRow) -> MatchCandidate:
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


def may_know(evidence: Evidence, access: RowAccess, loaders: PoolLoaders) -> bool:
    """To say that a number agrees is to say the number: only who sees it in clear may know."""
    coordinate = FIELDS[evidence.field].protected_by
    return coordinate is None or loaders.shows_clear(coordinate, access)


@strawberry.type(
    description="A customer that may be the one asked about. Whoever may not see it learns that it "
    "exists and who owns it, and nothing else."
)
class Duplicate:
    customer: Customer | None = strawberry.field(description="Which one; null: not yours to see.")
    owner: User | None = strawberry.field(description="Who to talk to; null: it is in the pool.")
    certain: bool = strawberry.field(
        description="Whether creating it would be refused: a strong key says it is the same."
    )
    score: float | None = strawberry.field(description="How sure; null: not yours to see.")
    evidence: list[MatchEvidence] = strawberry.field(
        description="What speaks for it; empty where it is not yours to see."
    )

    @classmethod
    def of(cls, found: Found, loaders: PoolLoaders) -> Duplicate:
        row = found.row
        return cls(
            customer=Customer.of(row, loaders) if row else None,
            owner=User.of(found.owner_id),
            certain=found.certain,
            score=found.score,
            evidence=[
                MatchEvidence.of(one)
                for one in found.evidence
                if row and may_know(one, row.access, loaders)
            ],
        )


@strawberry.type(description="The candidate after a decision, or why it was refused.")
class MatchCandidatePayload:
    match_candidate: MatchCandidate | None = strawberry.field(
        default=None, description="As it is now."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty: it was done."
    )


@strawberry.type
class MatchQuery:
    @strawberry.field(
        description="Does the pool know this customer? Every question is audited, and a day has "
        "only so many.",
        metadata=right("Customer", "create"),
    )
    async def duplicate_check(
        self,
        info: Info,
        name: Annotated[
            str | None, strawberry.argument(description="The name, in any spelling.")
        ] = None,
        phone: Annotated[
            str | None,
            strawberry.argument(description="The number, in any spelling.", directives=[MOBILE]),
        ] = None,
        email: Annotated[
            str | None, strawberry.argument(description="The address.", directives=[EMAIL])
        ] = None,
        unified_social_credit_code: Annotated[
            str | None,
            strawberry.argument(description="统一社会信用代码.", directives=[CREDIT_CODE]),
        ] = None,
        kind: Annotated[
            CustomerKind, strawberry.argument(description="What it is.")
        ] = CustomerKind.ORGANIZATION,
    ) -> list[Duplicate]:
        ctx = info.context
        given = {
            "name": name,
            "phone": phone,
            "email": email,
            "unified_social_credit_code": unified_social_credit_code,
        }
        asked = {field: text for field, text in given.items() if text}
        if not asked:
            raise BadInput(
                "Give a name, a phone, an email or a unifiedSocialCreditCode.",
                "请至少提供名称、电话、邮箱或统一社会信用代码之一。",
                field="name",
            )
        most = ctx.runtime.settings.duplicate_checks_a_day
        scope = ctx.scope("Customer")
        found = await write_with_retry(ctx, commands.check_duplicate, scope, kind.name, asked, most)
        return [Duplicate.of(one, ctx.loaders_of(PoolLoaders)) for one in found]

    @strawberry.field(
        description="Pairs that may be one, the most alike first; only those of which you may see "
        "both sides, and something of what speaks for it. Whoever does not see all numbers, addresses "
        "and credit codes in clear gets the newest first, and cannot ask for a minScore.",
        metadata=right("Customer", "merge"),
    )
    async def match_candidates(
        self,
        info: Info,
        status: Annotated[
            CandidateStatus, strawberry.argument(description="What was decided.")
        ] = CandidateStatus.OPEN,
        min_score: Annotated[
            float, strawberry.argument(description="At least this sure, 0 to 1.")
        ] = 0.0,
        customer_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="With this customer in them.")
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[MatchCandidate]:
        found = await info.context.read(
            store.candidates,
            info.context.scope("Customer", "merge"),
            status=status.name,
            min_score=min_score,
            customer_id=uuid(customer_id, "customerId") if customer_id else None,
            window=Window(first, after),
        )
        answer: Connection[MatchCandidate] = connect(
            found, lambda row: MatchCandidate.of(store.candidate_of(row))
        )
        return answer


@strawberry.type
class MatchMutation:
    @strawberry.mutation(
        description="These two are not one; nobody is asked about them again.",
        metadata=right("Customer", "merge"),
    )
    @answers(MatchCandidatePayload)
    async def dismiss_match_candidate(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The candidate's id.")],
        reason: Annotated[
            str | None, strawberry.argument(description="Why; at most 500 characters.")
        ] = None,
        expected_version: ExpectedVersion = None,
    ) -> MatchCandidatePayload:
        scope = info.context.scope("Customer", "merge")
        await write_with_retry(
            info.context, commands.dismiss, scope, uuid(id, "id"), reason, expected_version
        )
        return MatchCandidatePayload(
            match_candidate=await MatchCandidate.resolve_reference(info, id)
        )
