"""Rows of users, departments, projects and roles, batched per request."""

from __future__ import annotations

from strawberry.dataloader import DataLoader

from chassis.api.context import Context
from identity.core.domain.ids import DepartmentId, ProjectId, UserId
from identity.people.store import department, project, role, user
from identity.people.store.department import DepartmentRow
from identity.people.store.project import ProjectRow
from identity.people.store.role import RoleRow
from identity.people.store.user import UserRow


class PeopleLoaders:
    """The loaders of one request; each batch is one query within the caller's scope."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.user: DataLoader[UserId, UserRow | None] = DataLoader(self._users)
        self.department: DataLoader[DepartmentId, DepartmentRow | None] = DataLoader(
            self._departments
        )
        self.path: DataLoader[DepartmentId, list[DepartmentRow]] = DataLoader(self._paths)
        self.role: DataLoader[str, RoleRow | None] = DataLoader(self._roles)
        self.project: DataLoader[ProjectId, ProjectRow | None] = DataLoader(self._projects)

    async def _users(self, ids: list[UserId]) -> list[UserRow | None]:
        return await self._context.read(user.by_ids, self._context.scope("User"), ids)

    async def _departments(self, ids: list[DepartmentId]) -> list[DepartmentRow | None]:
        scope = self._context.scope("Department")
        return await self._context.read(department.by_ids, scope, ids)

    async def _paths(self, ids: list[DepartmentId]) -> list[list[DepartmentRow]]:
        scope = self._context.scope("Department")
        return await self._context.read(department.paths, scope, ids)

    async def _projects(self, ids: list[ProjectId]) -> list[ProjectRow | None]:
        return await self._context.read(project.by_ids, self._context.scope("Project"), ids)

    async def _roles(self, names: list[str]) -> list[RoleRow | None]:
        rows = await self._context.read(role.everyone, self._context.scope("Role"))
        by_name = {row.name: row for row in rows}
        return [by_name.get(name) for name in names]
