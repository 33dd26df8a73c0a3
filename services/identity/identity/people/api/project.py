"""Projects, which are row scopes of their own, and their members: types, queries, mutations."""

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
    strawberry.argument(description=f"The ids of users, 1 to {MOST_AT_ONCE}."),
]


@strawberry.type(description="A present or past member of a project.")
class ProjectMember:
    """A present or past member of a project."""

    until: datetime | None = strawberry.field(
        description="When the membership ends; null: with the project."
    )
    user_id: strawberry.Private[UserId]

    @strawberry.field(description="The member.", metadata=right("User"))
    async def user(self, info: Info) -> User | None:
        """Return the member."""
        return await user_of(info, self.user_id)

    @classmethod
    def of(cls, row: MemberRow) -> ProjectMember:
        """Convert a row to the GraphQL type."""
        return cls(until=row.until, user_id=row.user)


@strawberry.federation.type(
    keys=["id"],
    description="A piece of work that people of several departments share, with its customers. "
    "Rules with the rows `project` reach the customers of the projects a user is a member of.",
)
class Project:
    """A piece of work that people of several departments share, with its customers."""

    id: strawberry.ID = strawberry.field(description="The project's id.")
    name: str = strawberry.field(description="The project's name.", metadata=right("Project"))
    description: str = strawberry.field(
        description="What the project is about.", metadata=right("Project")
    )
    ends_at: datetime | None = strawberry.field(
        description="When it ends; from then on it gives no access. null: it has no end.",
        metadata=right("Project"),
    )
    version: int = strawberry.field(
        description="The version, which grows with every change; send it as `expectedVersion`.",
        metadata=right("Project"),
    )
    lead_id: strawberry.Private[UserId | None] = None

    @strawberry.field(description="The lead of the project.", metadata=right("User"))
    async def lead(self, info: Info) -> User | None:
        """Return the lead of the project."""
        return await user_of(info, self.lead_id)

    @strawberry.field(
        description="Present and past members, sorted by name.", metadata=right("Project")
    )
    async def members(
        self, info: Info, first: First = DEFAULT_FIRST, after: After = None
    ) -> Connection[ProjectMember]:
        """Return present and past members, sorted by name."""
        ctx, id = info.context, ProjectId(uuid(self.id, "id"))
        rows = await ctx.read(store.members, ctx.scope("Project"), id, Window(first, after))
        return connect(rows, ProjectMember.of)  # type: ignore[no-any-return]  # connect returns Any

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> Project | None:
        """Resolve a federation reference by its key."""
        return await project_of(info, ProjectId(uuid(id, "id")))

    @classmethod
    def of(cls, row: ProjectRow) -> Project:
        """Convert a row to the GraphQL type."""
        return cls(
            id=strawberry.ID(str(row.id)),
            name=row.name,
            description=row.description,
            ends_at=row.ends_at,
            version=row.version,
            lead_id=row.lead,
        )


async def project_of(info: Info, id: ProjectId) -> Project | None:
    """Return the project of this id as far as the caller may see it."""
    row = await info.context.loaders_of(PeopleLoaders).project.load(id)
    return Project.of(row) if row else None


@strawberry.input(description="Filter of projects; a field that is left out sets no condition.")
class ProjectFilter:
    """Conditions that all must hold."""

    member_id: strawberry.ID | None = strawberry.field(
        default=None, description="Filter by a present or past member."
    )
    open_only: bool = strawberry.field(
        default=False, description="true: only projects that have not ended."
    )
    search: str | None = strawberry.field(default=None, description="Filter by a part of the name.")

    def conditions(self) -> store.Filter:
        """Return the filter with checked values. Raises `BadInput`."""
        member = maybe_uuid(self.member_id, "filter.memberId")
        return store.Filter(
            member=UserId(member) if member else None,
            open_only=self.open_only,
            search=optional(self.search, field="filter.search", longest=100) or None,
        )


@strawberry.input(description="A project to create.")
class CreateProjectInput:
    """A project to create."""

    name: str = strawberry.field(description="The project's name, 1 to 100 characters.")
    description: str = strawberry.field(
        default="", description="What the project is about, at most 500 characters."
    )
    lead_id: strawberry.ID | None = strawberry.field(
        default=None, description="The lead of the project; left out: you."
    )
    ends_at: datetime | None = strawberry.field(
        default=None, description="When it ends; left out: it has no end."
    )


@strawberry.input(description="Changes of a project; a field that is left out stays.")
class UpdateProjectInput:
    """Changes of a project; a field that is left out stays."""

    name: str | None = strawberry.field(
        default=None, description="The project's name, 1 to 100 characters."
    )
    description: str | None = strawberry.field(
        default=None, description="What the project is about, at most 500 characters."
    )
    lead_id: strawberry.ID | None = strawberry.field(
        default=None, description="The lead of the project."
    )
    ends_at: datetime | None = strawberry.field(
        default=None, description="When it ends, in the future. `endProject` ends it now."
    )


def _draft(input: CreateProjectInput | UpdateProjectInput) -> Draft:
    lead = maybe_uuid(input.lead_id, "leadId")
    return Draft(
        name=input.name,
        description=input.description,
        lead=UserId(lead) if lead else None,
        ends_at=zoned(input.ends_at) if input.ends_at else None,
    )


@strawberry.type(description="The project after the change, or the errors that prevented it.")
class ProjectPayload:
    """The project after the change, or the errors that prevented it."""

    project: Project | None = strawberry.field(
        default=None, description="The project as it is now."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was changed; empty after success."
    )


@strawberry.type
class ProjectQuery:
    """Queries of projects."""

    @strawberry.field(description="One project.", metadata=right("Project"))
    async def project(self, info: Info, id: Id) -> Project | None:
        """Return one project."""
        return await project_of(info, ProjectId(uuid(id, "id")))

    @strawberry.field(description="Projects, sorted by name.", metadata=right("Project"))
    async def projects(
        self,
        info: Info,
        filter: Annotated[
            ProjectFilter | None, strawberry.argument(description="Filter; null: all.")
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[Project]:
        """Return projects, sorted by name."""
        ctx, conditions = info.context, filter.conditions() if filter else store.Filter()
        rows = await ctx.read(store.listed, ctx.scope("Project"), conditions, Window(first, after))
        return connect(rows, Project.of)  # type: ignore[no-any-return]  # connect returns Any


@strawberry.type
class ProjectMutation:
    """Mutations of projects."""

    @strawberry.mutation(
        description="Create a project; its lead is a member.",
        metadata=right("Project", "create"),
    )
    @answers(ProjectPayload)
    async def create_project(
        self,
        info: Info,
        input: Annotated[
            CreateProjectInput, strawberry.argument(description="The project to create.")
        ],
        idempotency_key: IdempotencyKey = None,
    ) -> ProjectPayload:
        """Create a project; its lead is a member."""
        scope = info.context.scope("Project", "create")
        return await _run(info, commands.create_project, scope, _draft(input), idempotency_key)

    @strawberry.mutation(
        description="Change name, description, lead or end of a project.",
        metadata=right("Project", "update"),
    )
    @answers(ProjectPayload)
    async def update_project(
        self,
        info: Info,
        id: Id,
        input: Annotated[UpdateProjectInput, strawberry.argument(description="The changes.")],
        expected_version: ExpectedVersion = None,
    ) -> ProjectPayload:
        """Change name, description, lead or end of a project."""
        scope, draft = info.context.scope("Project", "update"), _draft(input)
        project = ProjectId(uuid(id, "id"))
        return await _run(info, commands.update_project, scope, project, draft, expected_version)

    @strawberry.mutation(
        description="End a project now; it gives no access any more.",
        metadata=right("Project", "update"),
    )
    @answers(ProjectPayload)
    async def end_project(
        self, info: Info, id: Id, expected_version: ExpectedVersion = None
    ) -> ProjectPayload:
        """End a project now; it gives no access any more."""
        scope, project = info.context.scope("Project", "update"), ProjectId(uuid(id, "id"))
        return await _run(info, commands.end_project, scope, project, expected_version)

    @strawberry.mutation(
        description="Add members to a project, or change when their membership ends. They reach "
        "its customers within one second, as far as rules with the rows `project` allow.",
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
            strawberry.argument(description="When the membership ends; null: with the project."),
        ] = None,
    ) -> ProjectPayload:
        """Add members to a project, or change when their membership ends."""
        scope, project = info.context.scope("Project", "update"), ProjectId(uuid(id, "id"))
        members = [UserId(uuid(id, "userIds")) for id in user_ids]
        ends = zoned(until) if until else None
        return await _run(info, commands.add_members, scope, project, members, ends)

    @strawberry.mutation(
        description="Remove members from a project; within one second it gives them no access.",
        metadata=right("Project", "update"),
    )
    @answers(ProjectPayload)
    async def remove_project_members(self, info: Info, id: Id, user_ids: People) -> ProjectPayload:
        """Remove members from a project; within one second it gives them no access."""
        scope, project = info.context.scope("Project", "update"), ProjectId(uuid(id, "id"))
        members = [UserId(uuid(id, "userIds")) for id in user_ids]
        return await _run(info, commands.remove_members, scope, project, members)


async def _run(info: Info, command: Callable[..., ProjectId], *args: object) -> ProjectPayload:
    id = await info.context.write(command, *args)
    # A mutation before this one in the same request may have loaded the project.
    info.context.loaders_of(PeopleLoaders).project.clear_all()
    if not info.context.may("Project"):
        return ProjectPayload()
    return ProjectPayload(project=await project_of(info, id))
