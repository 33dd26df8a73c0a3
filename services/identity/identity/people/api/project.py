"""Projects: a row scope of their own, with members who come and go."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

import strawberry

from chassis.api.context import Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from identity.core.api.arguments import ExpectedVersion, IdempotencyKey
from identity.core.api.ids import maybe_uuid, uuid
from identity.core.domain.ids import ProjectId, UserId
from identity.core.domain.moment import zoned
from identity.core.domain.text import optional
from identity.people.api.loaders import PeopleLoaders
from identity.people.api.types import User, user_of
from identity.people.commands import project as commands
from identity.people.commands.project import Draft
from identity.people.domain.project import MOST_AT_ONCE
from identity.people.store import project as store
from identity.people.store.project import MemberRow, ProjectRow

Id = Annotated[strawberry.ID, strawberry.argument(description="The project's id.")]
People = Annotated[
    list[strawberry.ID],
    strawberry.argument(description=f"Users by their ids, 1 to {MOST_AT_ONCE}."),
]


@strawberry.type(description="Somebody who is or was on a project.")
class ProjectMember:
    until: datetime | None = strawberry.field(
        description="Until when; null: as long as the project lasts."
    )
    user_id: strawberry.Private[UserId]

    @strawberry.field(description="Who.", metadata=right("User"))
    async def user(self, info: Info) -> User | None:
        return await user_of(info, self.user_id)

    @classmethod
    def of(cls, row: MemberRow) -> ProjectMember:
        return cls(until=row.until, user_id=row.user)


@strawberry.federation.type(
    keys=["id"],
    description="A piece of work that people of several departments share, with its customers. "
    "Rules with the rows `project` reach the customers of projects that one is on.",
)
class Project:
    id: strawberry.ID = strawberry.field(description="The project's id.")
    name: str = strawberry.field(description="Its name.", metadata=right("Project"))
    description: str = strawberry.field(description="What it is about.", metadata=right("Project"))
    ends_at: datetime | None = strawberry.field(
        description="When it ends: nobody reaches anything by it from then on. null: it has no end.",
        metadata=right("Project"),
    )
    version: int = strawberry.field(
        description="Grows with every change; give it back on writes.", metadata=right("Project")
    )
    lead_id: strawberry.Private[UserId | None] = None

    @strawberry.field(description="Who leads it.", metadata=right("User"))
    async def lead(self, info: Info) -> User | None:
        return await user_of(info, self.lead_id)

    @strawberry.field(description="Who is or was on it, by name.", metadata=right("Project"))
    async def members(
        self, info: Info, first: First = DEFAULT_FIRST, after: After = None
    ) -> Connection[ProjectMember]:
        ctx, id = info.context, ProjectId(uuid(self.id, "id"))
        found = await ctx.read(store.members, ctx.scope("Project"), id, Window(first, after))
        return connect(found, ProjectMember.of)  # type: ignore[no-any-return]  # as asked

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> Project | None:
        return await project_of(info, ProjectId(uuid(id, "id")))

    @classmethod
    def of(cls, row: ProjectRow) -> Project:
        return cls(
            id=strawberry.ID(str(row.id)),
            name=row.name,
            description=row.description,
            ends_at=row.ends_at,
            version=row.version,
            lead_id=row.lead,
        )


async def project_of(info: Info, id: ProjectId) -> Project | None:
    """The project of this id as its reader may see it."""
    found = await info.context.loaders_of(PeopleLoaders).project.load(id)
    return Project.of(found) if found else None


@strawberry.input(description="Which projects a list is about; what is left out does not matter.")
class ProjectFilter:
    member_id: strawberry.ID | None = strawberry.field(
        default=None, description="Only those that this user is or was on."
    )
    open_only: bool = strawberry.field(default=False, description="Only those that did not end.")
    search: str | None = strawberry.field(default=None, description="Part of the name.")

    def wanted(self) -> store.Filter:
        member = maybe_uuid(self.member_id, "filter.memberId")
        return store.Filter(
            member=UserId(member) if member else None,
            open_only=self.open_only,
            search=optional(self.search, field="filter.search", longest=100) or None,
        )


@strawberry.input(description="A project to be.")
class CreateProjectInput:
    name: str = strawberry.field(description="Its name, 1 to 100 characters.")
    description: str = strawberry.field(default="", description="At most 500 characters.")
    lead_id: strawberry.ID | None = strawberry.field(
        default=None, description="Who leads it; left out: you."
    )
    ends_at: datetime | None = strawberry.field(default=None, description="When it ends.")


@strawberry.input(description="What is to become of a project; what is left out stays.")
class UpdateProjectInput:
    name: str | None = strawberry.field(default=None, description="1 to 100 characters.")
    description: str | None = strawberry.field(default=None, description="At most 500 characters.")
    lead_id: strawberry.ID | None = strawberry.field(default=None, description="Who leads it.")
    ends_at: datetime | None = strawberry.field(
        default=None, description="When it ends; a moment of the future. `endProject` ends it now."
    )


def _draft(input: CreateProjectInput | UpdateProjectInput) -> Draft:
    lead = maybe_uuid(input.lead_id, "leadId")
    return Draft(
        name=input.name,
        description=input.description,
        lead=UserId(lead) if lead else None,
        ends_at=zoned(input.ends_at) if input.ends_at else None,
    )


@strawberry.type(description="The project after the change, or why there was none.")
class ProjectPayload:
    project: Project | None = strawberry.field(default=None, description="As it is now.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty if it was."
    )


@strawberry.type
class ProjectQuery:
    @strawberry.field(description="One project.", metadata=right("Project"))
    async def project(self, info: Info, id: Id) -> Project | None:
        return await project_of(info, ProjectId(uuid(id, "id")))

    @strawberry.field(description="Projects by name.", metadata=right("Project"))
    async def projects(
        self,
        info: Info,
        filter: Annotated[
            ProjectFilter | None, strawberry.argument(description="Which projects; null: all.")
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[Project]:
        ctx, wanted = info.context, filter.wanted() if filter else store.Filter()
        found = await ctx.read(store.listed, ctx.scope("Project"), wanted, Window(first, after))
        return connect(found, Project.of)  # type: ignore[no-any-return]  # the connection asked for


@strawberry.type
class ProjectMutation:
    @strawberry.mutation(
        description="Begin a project; whoever leads it is on it.",
        metadata=right("Project", "create"),
    )
    @answers(ProjectPayload)
    async def create_project(
        self,
        info: Info,
        input: Annotated[CreateProjectInput, strawberry.argument(description="The project.")],
        idempotency_key: IdempotencyKey = None,
    ) -> ProjectPayload:
        scope = info.context.scope("Project", "create")
        return await _done(info, commands.create_project, scope, _draft(input), idempotency_key)

    @strawberry.mutation(
        description="Give a project another name, lead or end.",
        metadata=right("Project", "update"),
    )
    @answers(ProjectPayload)
    async def update_project(
        self,
        info: Info,
        id: Id,
        input: Annotated[UpdateProjectInput, strawberry.argument(description="What changes.")],
        expected_version: ExpectedVersion = None,
    ) -> ProjectPayload:
        scope, wanted = info.context.scope("Project", "update"), _draft(input)
        project = ProjectId(uuid(id, "id"))
        return await _done(info, commands.update_project, scope, project, wanted, expected_version)

    @strawberry.mutation(
        description="End a project now: nobody reaches anything by it any more.",
        metadata=right("Project", "update"),
    )
    @answers(ProjectPayload)
    async def end_project(
        self, info: Info, id: Id, expected_version: ExpectedVersion = None
    ) -> ProjectPayload:
        scope, project = info.context.scope("Project", "update"), ProjectId(uuid(id, "id"))
        return await _done(info, commands.end_project, scope, project, expected_version)

    @strawberry.mutation(
        description="Let people be on a project, or change until when. They reach its customers "
        "within one second, as far as rules with the rows `project` go.",
        metadata=right("Project", "update"),
    )
    @answers(ProjectPayload)
    async def add_project_members(
        self,
        info: Info,
        id: Id,
        user_ids: People,
        until: Annotated[
            datetime | None,
            strawberry.argument(description="Until when; null: as long as the project lasts."),
        ] = None,
    ) -> ProjectPayload:
        scope, project = info.context.scope("Project", "update"), ProjectId(uuid(id, "id"))
        people = [UserId(uuid(one, "userIds")) for one in user_ids]
        ends = zoned(until) if until else None
        return await _done(info, commands.add_members, scope, project, people, ends)

    @strawberry.mutation(
        description="Take people off a project; within one second they reach nothing by it.",
        metadata=right("Project", "update"),
    )
    @answers(ProjectPayload)
    async def remove_project_members(self, info: Info, id: Id, user_ids: People) -> ProjectPayload:
        scope, project = info.context.scope("Project", "update"), ProjectId(uuid(id, "id"))
        people = [UserId(uuid(one, "userIds")) for one in user_ids]
        return await _done(info, commands.remove_members, scope, project, people)


async def _done(info: Info, command: Callable[..., ProjectId], *args: object) -> ProjectPayload:
    id = await info.context.write(command, *args)
    info.context.loaders_of(
        PeopleLoaders
    ).project.clear_all()  # a mutation before this one may have looked already
    if not info.context.may("Project"):
        return ProjectPayload()
    return ProjectPayload(project=await project_of(info, id))
