"""Somebody leaves or changes their job: looked at first, then done in one mutation."""

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
    "POOL: nobody; open tasks go to the head of the department, or to whoever gives the order. "
    "KEEP: they keep them and take them along; only for who changes their job.",
)
strawberry.enum(
    Kind,
    name="OffBoardingKind",
    description="LEAVES: works here no more. CHANGES_JOB: works in another department from now on.",
)


@strawberry.input(description="Who takes over in one department and those below it.")
class DepartmentHandoverInput:
    department_id: strawberry.ID = strawberry.field(
        description="The department of the customers; of several the nearest above counts."
    )
    to: To = strawberry.field(description="To whom.")
    user_id: strawberry.ID | None = strawberry.field(
        default=None, description="The colleague, for PERSON only."
    )


@strawberry.input(description="Who takes over customers and open tasks.")
class HandoverInput:
    to: To = strawberry.field(description="To whom, where no department below says otherwise.")
    user_id: strawberry.ID | None = strawberry.field(
        default=None, description="The colleague, for PERSON only."
    )
    departments: list[DepartmentHandoverInput] = strawberry.field(
        default_factory=list,
        description=f"Departments for which it is different, at most {MOST_DEPARTMENTS}.",
    )

    def wanted(self) -> Plan:
        return Plan(
            _receiver(self),
            tuple(
                (DepartmentId(uuid(one.department_id, "handover.departments")), _receiver(one))
                for one in self.departments
            ),
        )


def _receiver(one: HandoverInput | DepartmentHandoverInput) -> Receiver:
    person = maybe_uuid(one.user_id, "handover.userId")
    return Receiver(one.to, UserId(person) if person else None)


@strawberry.federation.type(
    keys=["userId"],
    description="Somebody who leaves or changes their job, with what ends and what goes to others.",
)
class OffBoarding:
    user_id: strawberry.ID = strawberry.field(description="Who, by their id.")
    kind: Kind = strawberry.field(
        description="Whether they leave or move.", metadata=right("User", "off_board")
    )
    done_at: datetime | None = strawberry.field(
        description="When it was done; null: it was only looked at.",
        metadata=right("User", "off_board"),
    )
    sessions: int = strawberry.field(
        description="Sessions that end, with every token of theirs.",
        metadata=right("User", "off_board"),
    )
    api_clients: int = strawberry.field(
        description="Keys that are revoked.", metadata=right("User", "off_board")
    )
    delegations: int = strawberry.field(
        description="Delegations that end, given and taken.", metadata=right("User", "off_board")
    )
    emergency_accesses: int = strawberry.field(
        description="Emergency accesses that end.", metadata=right("User", "off_board")
    )
    projects: int = strawberry.field(
        description="Projects that they are taken off.", metadata=right("User", "off_board")
    )
    projects_led: int = strawberry.field(
        description="Projects that have no lead then.", metadata=right("User", "off_board")
    )
    departments_headed: int = strawberry.field(
        description="Departments that have no head then.", metadata=right("User", "off_board")
    )

    @strawberry.field(description="Who.", metadata=right("User"))
    async def user(self, info: Info) -> User | None:
        return await user_of(info, UserId(uuid(self.user_id, "userId")))

    @classmethod
    async def resolve_reference(cls, info: Info, user_id: strawberry.ID) -> OffBoarding | None:
        return await off_boarding_of(info, UserId(uuid(user_id, "userId")))

    @classmethod
    def of(cls, user: UserId, kind: Kind, ended: Holdings, done_at: datetime | None) -> OffBoarding:
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
    """The last one of this user, for who may see and off-board them."""
    if (
        not info.context.may("User", "off_board")
        or await info.context.loaders_of(PeopleLoaders).user.load(user) is None
    ):
        return None
    found = await info.context.read(store.latest, user)
    return OffBoarding.of(user, found.kind, found.ended, found.at) if found else None


@strawberry.type(description="What ends and goes to others, or why nothing does.")
class OffBoardingPayload:
    off_boarding: OffBoarding | None = strawberry.field(
        default=None, description="What would end, or ended."
    )
    dry_run: bool = strawberry.field(default=True, description="Whether it was only looked at.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty if it was."
    )


Handover = Annotated[
    HandoverInput, strawberry.argument(description="Who takes over customers and open tasks.")
]
DryRun = Annotated[
    bool, strawberry.argument(description="true: only count and check; false: do it.")
]


@strawberry.type
class OffBoardingQuery:
    @strawberry.field(
        description="The last time somebody left or changed their job, and how far the handover is.",
        metadata=right("User", "off_board"),
    )
    async def off_boarding(self, info: Info, user_id: UserIdArgument) -> OffBoarding | None:
        return await off_boarding_of(info, UserId(uuid(user_id, "userId")))


@strawberry.type
class OffBoardingMutation:
    @strawberry.mutation(
        description="Somebody leaves: sessions, keys, delegations, emergency access and exports end "
        "at once (their next request is refused), customers and open tasks go to others by the "
        "rule. A dry run counts all of it and changes nothing. Doing it again hands over what is "
        "left.",
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
        ctx, scope = info.context, info.context.scope("User", "off_board")
        user, plan = UserId(uuid(user_id, "userId")), handover.wanted()
        done = await ctx.write(commands.off_board, scope, user, plan, dry_run=dry_run)
        return await _answer(info, done)

    @strawberry.mutation(
        description="Somebody changes their job: they move to another department, perhaps to other "
        "roles; delegations and emergency access end, and customers and open tasks of the old "
        "department go to others by the rule, or along. A dry run counts and changes nothing.",
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
            strawberry.argument(description="Where they work from now on; null: nowhere."),
        ],
        roles: Annotated[
            list[str] | None,
            strawberry.argument(description="All their roles from now on; left out: the same."),
        ] = None,
        dry_run: DryRun = True,
    ) -> OffBoardingPayload:
        ctx, scope = info.context, info.context.scope("User", "off_board")
        user, plan = UserId(uuid(user_id, "userId")), handover.wanted()
        into = maybe_uuid(department_id, "departmentId")
        done = await ctx.write(
            commands.change_job,
            scope,
            user,
            DepartmentId(into) if into else None,
            roles,
            plan,
            dry_run=dry_run,
        )
        return await _answer(info, done)


async def _answer(info: Info, done: commands.Done) -> OffBoardingPayload:
    info.context.loaders_of(PeopleLoaders).user.clear_all()
    if done.id is None:
        shown = OffBoarding.of(done.user, done.kind, done.ended, None)
        return OffBoardingPayload(off_boarding=shown, dry_run=True)
    found = await info.context.read(store.latest, done.user)
    at = found.at if found else None
    shown = OffBoarding.of(done.user, done.kind, done.ended, at)
    return OffBoardingPayload(off_boarding=shown, dry_run=False)
