"""One query for many keys: what the fields of this service read through, made anew per request."""

from __future__ import annotations

from typing import TypeAlias

import strawberry
from strawberry.dataloader import DataLoader

from chassis.api.context import Context
from identity.core.domain.ids import ChangesetId, DepartmentId, ProjectId, UserId
from identity.people.store import department, project, user
from identity.people.store.department import DepartmentRow
from identity.people.store.project import ProjectRow
from identity.people.store.user import UserRow
from identity.policy.store import changeset, role
from identity.policy.store.changeset import ChangesetRow
from identity.policy.store.role import RoleRow
from identity.sign_in.services.office import Office


class Loaders:
    """The loaders of one request, and the office that serves all of them."""

    def __init__(self, ctx: Context[Loaders], office: Office) -> None:
        self._ctx = ctx
        self.office = office
        self.user: DataLoader[UserId, UserRow | None] = DataLoader(self._users)
        self.department: DataLoader[DepartmentId, DepartmentRow | None] = DataLoader(
            self._departments
        )
        self.path: DataLoader[DepartmentId, list[DepartmentRow]] = DataLoader(self._paths)
        self.role: DataLoader[str, RoleRow | None] = DataLoader(self._roles)
        self.project: DataLoader[ProjectId, ProjectRow | None] = DataLoader(self._projects)
        self.changeset: DataLoader[ChangesetId, ChangesetRow | None] = DataLoader(self._changesets)

    async def _users(self, ids: list[UserId]) -> list[UserRow | None]:
        return await self._ctx.read(user.by_ids, self._ctx.scope("User"), ids)

    async def _departments(self, ids: list[DepartmentId]) -> list[DepartmentRow | None]:
        return await self._ctx.read(department.by_ids, self._ctx.scope("Department"), ids)

    async def _paths(self, ids: list[DepartmentId]) -> list[list[DepartmentRow]]:
        return await self._ctx.read(department.paths, self._ctx.scope("Department"), ids)

    async def _projects(self, ids: list[ProjectId]) -> list[ProjectRow | None]:
        return await self._ctx.read(project.by_ids, self._ctx.scope("Project"), ids)

    async def _changesets(self, ids: list[ChangesetId]) -> list[ChangesetRow | None]:
        return await self._ctx.read(changeset.by_ids, self._ctx.scope("Rule"), ids)

    async def _roles(self, names: list[str]) -> list[RoleRow | None]:
        found = await self._ctx.read(role.everyone, self._ctx.scope("Role"))
        by_name = {one.name: one for one in found}
        return [by_name.get(name) for name in names]


IdentityContext: TypeAlias = Context[Loaders]
IdentityInfo: TypeAlias = strawberry.Info[IdentityContext, None]
