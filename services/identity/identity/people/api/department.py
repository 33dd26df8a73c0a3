"""Departments and their tree."""

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
Name = Annotated[str, strawberry.argument(description="Its name, 1 to 100 characters.")]
Parent = Annotated[
    strawberry.ID | None,
    strawberry.argument(description="The department it lies below; null: at the top."),
]


@strawberry.type(description="The department after the change, or why there was none.")
class DepartmentPayload:
    department: Department | None = strawberry.field(
        default=None, description="The department as it is now."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty if it was."
    )


@strawberry.type
class DepartmentQuery:
    @strawberry.field(description="One department.", metadata=right("Department"))
    async def department(self, info: Info, id: DepartmentIdArgument) -> Department | None:
        return await department_of(info, DepartmentId(uuid(id, "id")))

    @strawberry.field(description="Departments by name.", metadata=right("Department"))
    async def departments(
        self,
        info: Info,
        within: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="Only this department and all below it."),
        ] = None,
        parent: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="Only those directly below this department."),
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[Department]:
        within_id, parent_id = maybe_uuid(within, "within"), maybe_uuid(parent, "parent")
        found = await info.context.read(
            store.listed,
            info.context.scope("Department"),
            Window(first, after),
            within=DepartmentId(within_id) if within_id else None,
            parent=DepartmentId(parent_id) if parent_id else None,
        )
        return connect(found, Department.of)  # type: ignore[no-any-return]  # the one asked for


@strawberry.type
class DepartmentMutation:
    @strawberry.mutation(description="Add a department.", metadata=right("Department", "update"))
    @answers(DepartmentPayload)
    async def create_department(
        self,
        info: Info,
        name: Name,
        parent_id: Parent = None,
        idempotency_key: IdempotencyKey = None,
    ) -> DepartmentPayload:
        id = await info.context.write(
            commands.create_department,
            info.context.scope("Department", "update"),
            name,
            _id(parent_id),
            idempotency_key,
        )
        return await _answer(info, id)

    @strawberry.mutation(
        description="Give a department another name.", metadata=right("Department", "update")
    )
    @answers(DepartmentPayload)
    async def rename_department(
        self,
        info: Info,
        id: DepartmentIdArgument,
        name: Name,
        expected_version: ExpectedVersion = None,
    ) -> DepartmentPayload:
        found = await info.context.write(
            commands.rename_department,
            info.context.scope("Department", "update"),
            DepartmentId(uuid(id, "id")),
            name,
            expected_version,
        )
        return await _answer(info, found)

    @strawberry.mutation(
        description="Hang a department with all below it under another one. "
        "Who sees which customer changes with it, within one second.",
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
        found = await info.context.write(
            commands.move_department,
            info.context.scope("Department", "update"),
            DepartmentId(uuid(id, "id")),
            _id(parent_id),
            expected_version,
        )
        return await _answer(info, found)

    @strawberry.mutation(
        description="Let somebody head a department, or nobody. It gives no right.",
        metadata=right("Department", "update"),
    )
    @answers(DepartmentPayload)
    async def set_department_head(
        self,
        info: Info,
        id: DepartmentIdArgument,
        user_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Who; null: nobody.")
        ] = None,
        expected_version: ExpectedVersion = None,
    ) -> DepartmentPayload:
        head = maybe_uuid(user_id, "userId")
        found = await info.context.write(
            commands.set_head,
            info.context.scope("Department", "update"),
            DepartmentId(uuid(id, "id")),
            UserId(head) if head else None,
            expected_version,
        )
        return await _answer(info, found)


def _id(text: strawberry.ID | None) -> DepartmentId | None:
    found = maybe_uuid(text, "parentId")
    return DepartmentId(found) if found else None


async def _answer(info: Info, id: DepartmentId) -> DepartmentPayload:
    loaders = info.context.loaders_of(PeopleLoaders)
    loaders.department.clear_all()  # a mutation before this one may have looked already
    loaders.path.clear_all()
    return DepartmentPayload(department=await department_of(info, id))
