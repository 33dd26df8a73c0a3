"""Off-board a user or change their job: a dry run shows what would end, then it is done."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from chassis.api.context import Info
from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from identity.core.api.ids import maybe_uuid, uuid
from identity.core.domain.ids import DepartmentId, UserId
from identity.lifecycle import store
from identity.lifecycle.commands import off_boarding as commands
from identity.lifecycle.domain import MOST_DEPARTMENTS, Kind, Plan, Receiver, To
from identity.lifecycle.store import Holdings
from identity.people.api.loaders import PeopleLoaders
from identity.people.api.types import User, user_of
from identity.people.api.user import UserIdArgument

strawberry.enum(
    To,
    name="HandoverTo",
    description="PERSON: the colleague in `userId`. DEPARTMENT_HEAD: the head of the customer's "
    "department, or of the nearest one above that has a head; where there is none, the pool. "
    "POOL: customers get no owner; open tasks go to the head of the department, or to the caller. "
    "KEEP: the user keeps them; only for a change of job.",
)
strawberry.enum(
    Kind,
    name="OffBoardingKind",
    description="LEAVES: the user no longer works here. CHANGES_JOB: the user works in another "
    "department from now on.",
)


@strawberry.input(description="The receiver of one department and those below it.")
class DepartmentHandoverInput:
    """The receiver of one department and those below it."""

    department_id: strawberry.ID = strawberry.field(
        description="The department of the customers; of several, the nearest above them counts."
    )
    to: To = strawberry.field(description="The kind of receiver.")
    user_id: strawberry.ID | None = strawberry.field(
        default=None, description="The receiving colleague, for PERSON only."
    )


@strawberry.input(description="The receivers of customers and open tasks.")
class HandoverInput:
    """The receivers of customers and open tasks."""

    to: To = strawberry.field(
        description="The kind of receiver where `departments` names no other one."
    )
    user_id: strawberry.ID | None = strawberry.field(
        default=None, description="The receiving colleague, for PERSON only."
    )
    departments: list[DepartmentHandoverInput] = strawberry.field(
        default_factory=list,
        description=f"Departments with another receiver, at most {MOST_DEPARTMENTS}.",
    )

    def plan(self) -> Plan:
        """Return the handover plan with checked ids. Raises `BadInput`."""
        return Plan(
            _receiver(self),
            tuple(
                (DepartmentId(uuid(entry.department_id, "handover.departments")), _receiver(entry))
                for entry in self.departments
            ),
        )


def _receiver(entry: HandoverInput | DepartmentHandoverInput) -> Receiver:
    person = maybe_uuid(entry.user_id, "handover.userId")
    return Receiver(entry.to, UserId(person) if person else None)


@strawberry.federation.type(
    keys=["userId"],
    description="The off-boarding or change of job of a user: what ends, and what is handed over.",
)
class OffBoarding:
    """The off-boarding or change of job of a user: what ends, and what is handed over."""

    user_id: strawberry.ID = strawberry.field(description="The user's id.")
    kind: Kind = strawberry.field(
        description="Whether the user leaves or changes job.", metadata=right("User", "off_board")
    )
    done_at: datetime | None = strawberry.field(
        description="When it was done; null: dry run.",
        metadata=right("User", "off_board"),
    )
    sessions: int = strawberry.field(
        description="Number of sessions that end, with all their tokens.",
        metadata=right("User", "off_board"),
    )
    api_clients: int = strawberry.field(
        description="Number of API keys that are revoked.", metadata=right("User", "off_board")
    )
    delegations: int = strawberry.field(
        description="Number of delegations that end, given and taken.",
        metadata=right("User", "off_board"),
    )
    emergency_accesses: int = strawberry.field(
        description="Number of emergency accesses that end.", metadata=right("User", "off_board")
    )
    projects: int = strawberry.field(
        description="Number of projects that the user is removed from.",
        metadata=right("User", "off_board"),
    )
    projects_led: int = strawberry.field(
        description="Number of projects that have no lead afterwards.",
        metadata=right("User", "off_board"),
    )
    departments_headed: int = strawberry.field(
        description="Number of departments that have no head afterwards.",
        metadata=right("User", "off_board"),
    )

    @strawberry.field(description="The user.", metadata=right("User"))
    async def user(self, info: Info) -> User | None:
        """Return the user as far as the caller may see them."""
        return await user_of(info, UserId(uuid(self.user_id, "userId")))

    @classmethod
    async def resolve_reference(cls, info: Info, user_id: strawberry.ID) -> OffBoarding | None:
        """Resolve a federation reference by its key."""
        return await off_boarding_of(info, UserId(uuid(user_id, "userId")))

    @classmethod
    def of(cls, user: UserId, kind: Kind, ended: Holdings, done_at: datetime | None) -> OffBoarding:
        """Convert a value to the GraphQL type."""
        return cls(
            user_id=strawberry.ID(str(user)),
            kind=kind,
            done_at=done_at,
            sessions=ended.sessions,
            api_clients=ended.api_clients,
            delegations=ended.delegations,
            emergency_accesses=ended.emergency_accesses,
            projects=ended.projects,
            projects_led=ended.leads,
            departments_headed=ended.heads,
        )


async def off_boarding_of(info: Info, user: UserId) -> OffBoarding | None:
    """Return the latest off-boarding of a user, or `None` for a caller who may not see it."""
    if (
        not info.context.may("User", "off_board")
        or await info.context.loaders_of(PeopleLoaders).user.load(user) is None
    ):
        return None
    row = await info.context.read(store.latest, user)
    return OffBoarding.of(user, row.kind, row.ended, row.at) if row else None


@strawberry.type(
    description="The off-boarding after the mutation, or the errors that prevented it."
)
class OffBoardingPayload:
    """The answer of the mutations of off-boarding."""

    off_boarding: OffBoarding | None = strawberry.field(
        default=None, description="What ended, or in a dry run would end."
    )
    dry_run: bool = strawberry.field(default=True, description="true: nothing was changed.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was changed; empty after success."
    )


Handover = Annotated[
    HandoverInput, strawberry.argument(description="The receivers of customers and open tasks.")
]
DryRun = Annotated[
    bool, strawberry.argument(description="true: only check and count; false: do it.")
]


@strawberry.type
class OffBoardingQuery:
    """Queries of off-boarding."""

    @strawberry.field(
        description="The latest off-boarding or change of job of a user, and the progress of its "
        "handover.",
        metadata=right("User", "off_board"),
    )
    async def off_boarding(self, info: Info, user_id: UserIdArgument) -> OffBoarding | None:
        """Return the latest off-boarding of a user."""
        return await off_boarding_of(info, UserId(uuid(user_id, "userId")))


@strawberry.type
class OffBoardingMutation:
    """Mutations of off-boarding."""

    @strawberry.mutation(
        description="Off-board a user: sessions, keys, delegations, emergency access and exports "
        "end at once (the next request is refused), customers and open tasks go to the receivers "
        "of `handover`. A dry run counts all of it and changes nothing. Doing it again hands over "
        "what is left.",
        metadata=right("User", "off_board"),
    )
    @answers(OffBoardingPayload)
    async def off_board_user(
        self,
        info: Info,
        user_id: UserIdArgument,
        handover: Handover,
        dry_run: DryRun = True,
    ) -> OffBoardingPayload:
        """Off-board a user, or show what would end."""
        ctx, scope = info.context, info.context.scope("User", "off_board")
        user, plan = UserId(uuid(user_id, "userId")), handover.plan()
        result = await ctx.write(commands.off_board, scope, user, plan, dry_run=dry_run)
        return await _answer(info, result)

    @strawberry.mutation(
        description="Change the job of a user: the user moves to another department, perhaps to "
        "other roles; delegations and emergency access end, and customers and open tasks of the "
        "old department go to the receivers of `handover`, or stay. A dry run counts and changes "
        "nothing.",
        metadata=right("User", "off_board"),
    )
    @answers(OffBoardingPayload)
    async def change_job(
        self,
        info: Info,
        user_id: UserIdArgument,
        handover: Handover,
        department_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="The new department; null: none."),
        ],
        roles: Annotated[
            list[str] | None,
            strawberry.argument(description="All roles from now on; left out: unchanged."),
        ] = None,
        dry_run: DryRun = True,
    ) -> OffBoardingPayload:
        """Move a user to another department, or show what would end."""
        ctx, scope = info.context, info.context.scope("User", "off_board")
        user, plan = UserId(uuid(user_id, "userId")), handover.plan()
        into = maybe_uuid(department_id, "departmentId")
        result = await ctx.write(
            commands.change_job,
            scope,
            user,
            DepartmentId(into) if into else None,
            roles,
            plan,
            dry_run=dry_run,
        )
        return await _answer(info, result)


async def _answer(info: Info, result: commands.Result) -> OffBoardingPayload:
    info.context.loaders_of(PeopleLoaders).user.clear_all()
    if result.id is None:
        shown = OffBoarding.of(result.user, result.kind, result.ended, None)
        return OffBoardingPayload(off_boarding=shown, dry_run=True)
    row = await info.context.read(store.latest, result.user)
    shown = OffBoarding.of(result.user, result.kind, result.ended, row.at if row else None)
    return OffBoardingPayload(off_boarding=shown, dry_run=False)
