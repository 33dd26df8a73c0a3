"""Queries and mutations of departments."""

from __future__ import annotations

from typing import Annotated

import strawberry

from chassis.api.context import Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from identity.core.api.arguments import ExpectedVersion, IdempotencyKey
from identity.core.api.ids import maybe_uuid, uuid
from identity.core.domain.ids import DepartmentId, UserId
from identity.people.api.loaders import PeopleLoaders
from identity.people.api.types import Department, department_of
from identity.people.commands import department as commands
from identity.people.store import department as store

DepartmentIdArgument = Annotated[
    strawberry.ID, strawberry.argument(description="The department's id.")
]
Name = Annotated[
    str, strawberry.argument(description="The department's name, 1 to 100 characters.")
]
Parent = Annotated[
    strawberry.ID | None,
    strawberry.argument(description="The department above it; null: at the top."),
]


@strawberry.type(description="The department after the change, or the errors that prevented it.")
class DepartmentPayload:
    """The department after the change, or the errors that prevented it."""

    department: Department | None = strawberry.field(
        default=None, description="The department as it is now."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was changed; empty after success."
    )


@strawberry.type
class DepartmentQuery:
    """Queries of departments."""

    @strawberry.field(description="One department.", metadata=right("Department"))
    async def department(self, info: Info, id: DepartmentIdArgument) -> Department | None:
        """Return one department."""
        return await department_of(info, DepartmentId(uuid(id, "id")))

    @strawberry.field(description="Departments, sorted by name.", metadata=right("Department"))
    async def departments(
        self,
        info: Info,
        within: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="Filter by a department and all below it."),
        ] = None,
        parent: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="Filter by the department directly above."),
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[Department]:
        """Return departments, sorted by name."""
        within_id, parent_id = maybe_uuid(within, "within"), maybe_uuid(parent, "parent")
        rows = await info.context.read(
            store.listed,
            info.context.scope("Department"),
            Window(first, after),
            within=DepartmentId(within_id) if within_id else None,
            parent=DepartmentId(parent_id) if parent_id else None,
        )
        return connect(rows, Department.of)  # type: ignore[no-any-return]  # connect returns Any


@strawberry.type
class DepartmentMutation:
    """Mutations of departments."""

    @strawberry.mutation(description="Create a department.", metadata=right("Department", "update"))
    @answers(DepartmentPayload)
    async def create_department(
        self,
        info: Info,
        name: Name,
        parent_id: Parent = None,
        idempotency_key: IdempotencyKey = None,
    ) -> DepartmentPayload:
        """Create a department."""
        id = await info.context.write(
            commands.create_department,
            info.context.scope("Department", "update"),
            name,
            _id(parent_id),
            idempotency_key,
        )
        return await _answer(info, id)

    @strawberry.mutation(description="Rename a department.", metadata=right("Department", "update"))
    @answers(DepartmentPayload)
    async def rename_department(
        self,
        info: Info,
        id: DepartmentIdArgument,
        name: Name,
        expected_version: ExpectedVersion = None,
    ) -> DepartmentPayload:
        """Rename a department."""
        changed_id = await info.context.write(
            commands.rename_department,
            info.context.scope("Department", "update"),
            DepartmentId(uuid(id, "id")),
            name,
            expected_version,
        )
        return await _answer(info, changed_id)

    @strawberry.mutation(
        description="Move a department with all below it under another one. Which user sees which "
        "customer changes with it, within one second.",
        metadata=right("Department", "update"),
    )
    @answers(DepartmentPayload)
    async def move_department(
        self,
        info: Info,
        id: DepartmentIdArgument,
        parent_id: Parent = None,
        expected_version: ExpectedVersion = None,
    ) -> DepartmentPayload:
        """Move a department with all below it under another one."""
        changed_id = await info.context.write(
            commands.move_department,
            info.context.scope("Department", "update"),
            DepartmentId(uuid(id, "id")),
            _id(parent_id),
            expected_version,
        )
        return await _answer(info, changed_id)

    @strawberry.mutation(
        description="Set or remove the head of a department. It gives no right.",
        metadata=right("Department", "update"),
    )
    @answers(DepartmentPayload)
    async def set_department_head(
        self,
        info: Info,
        id: DepartmentIdArgument,
        user_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="The head; null: none.")
        ] = None,
        expected_version: ExpectedVersion = None,
    ) -> DepartmentPayload:
        """Set or remove the head of a department."""
        head = maybe_uuid(user_id, "userId")
        changed_id = await info.context.write(
            commands.set_head,
            info.context.scope("Department", "update"),
            DepartmentId(uuid(id, "id")),
            UserId(head) if head else None,
            expected_version,
        )
        return await _answer(info, changed_id)


def _id(text: strawberry.ID | None) -> DepartmentId | None:
    id = maybe_uuid(text, "parentId")
    return DepartmentId(id) if id else None


async def _answer(info: Info, id: DepartmentId) -> DepartmentPayload:
    loaders = info.context.loaders_of(PeopleLoaders)
    # A mutation before this one in the same request may have loaded it.
    loaders.department.clear_all()
    loaders.path.clear_all()
    return DepartmentPayload(department=await department_of(info, id))
