"""Read and change one person or group for a directory.

A change is computed from the stored state outside of a transaction, and written only if that state
is unchanged; without `If-Match` it is computed again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from uuid import UUID

from scim2_models import Group, NotFoundException, User

from chassis.errors import Conflict
from identity.core.domain.ids import DirectoryGroupId, UserId
from identity.directory.api.scim import groups, people
from identity.directory.api.scim.request import ScimRequest
from identity.directory.commands import (
    directory_group as group_commands,
    directory_user as user_commands,
)
from identity.directory.store import (
    directory_group as directory_groups,
    directory_user as directory_users,
)
from identity.directory.store.directory_group import GroupRow
from identity.directory.store.directory_user import PersonRow

T = TypeVar("T")

_MAX_TRIES = 3


async def read_person(scim_request: ScimRequest, id: str) -> User[Any]:
    """Return a person as a SCIM user."""
    row = await _person_row(scim_request, id)
    memberships = await scim_request.read(directory_groups.memberships, [row.id])
    return people.to_scim(row, memberships[row.id], scim_request.base)


async def add_person(scim_request: ScimRequest, resource: User[Any]) -> User[Any]:
    """Create a person and return it as a SCIM user."""
    person_request = await people.to_request(resource, scim_request.sign_in_service.passwords, None)
    scope = scim_request.scope("User", "create")
    id = await scim_request.write(
        user_commands.add_person, scope, scim_request.sign_in_service.seal, person_request
    )
    return await read_person(scim_request, str(id))


async def change_person(
    scim_request: ScimRequest,
    id: str,
    transform: Callable[[User[Any]], User[Any]],
    expected_version: int | None,
) -> User[Any]:
    """Set a person to what `transform` makes of it."""

    async def apply_change() -> None:
        row = await _person_row(scim_request, id)
        changed = transform(people.editable(row, scim_request.base))
        person_request = await people.to_request(
            changed, scim_request.sign_in_service.passwords, row
        )
        version = row.version if expected_version is None else expected_version
        scope = scim_request.scope("User", "update")
        await scim_request.write(
            user_commands.replace_person,
            scope,
            scim_request.sign_in_service.seal,
            row.id,
            person_request,
            version,
        )

    await _retry_conflicts(apply_change, expected_version)
    return await read_person(scim_request, id)


async def remove_person(scim_request: ScimRequest, id: str, expected_version: int | None) -> None:
    """Deprovision a person who left."""
    row = await _person_row(scim_request, id)
    await scim_request.write(
        user_commands.remove_person, scim_request.scope("User", "update"), row.id, expected_version
    )


async def read_group(scim_request: ScimRequest, id: str) -> Group:
    """Return a group with its members."""
    row = await _group_row(scim_request, id)
    members = await scim_request.read(directory_groups.members, [row.id])
    return groups.to_scim(row, members[row.id], scim_request.base)


async def add_group(scim_request: ScimRequest, resource: Group) -> Group:
    """Create a group and return it."""
    scope = scim_request.scope("DirectoryGroup", "update")
    id = await scim_request.write(group_commands.add_group, scope, groups.to_request(resource))
    return await read_group(scim_request, str(id))


async def change_group(
    scim_request: ScimRequest,
    id: str,
    transform: Callable[[Group], Group],
    expected_version: int | None,
) -> Group:
    """Set a group to what `transform` makes of it."""

    async def apply_change() -> None:
        row = await _group_row(scim_request, id)
        members = await scim_request.read(directory_groups.members, [row.id])
        group_request = groups.to_request(
            transform(groups.to_scim(row, members[row.id], scim_request.base))
        )
        version = row.version if expected_version is None else expected_version
        scope = scim_request.scope("DirectoryGroup", "update")
        await scim_request.write(
            group_commands.replace_group, scope, row.id, group_request, version
        )

    await _retry_conflicts(apply_change, expected_version)
    return await read_group(scim_request, id)


async def remove_group(scim_request: ScimRequest, id: str, expected_version: int | None) -> None:
    """Delete a group."""
    row, scope = await _group_row(scim_request, id), scim_request.scope("DirectoryGroup", "update")
    await scim_request.write(group_commands.remove_group, scope, row.id, expected_version)


async def _retry_conflicts(
    apply_change: Callable[[], Awaitable[None]], expected_version: int | None
) -> None:
    """Repeat a change after a conflict, unless the directory named the version it expects."""
    for retries_left in reversed(range(_MAX_TRIES)):
        try:
            return await apply_change()
        except Conflict as problem:
            if expected_version is not None or not retries_left or "version" not in problem.extra:
                raise
    return None


async def _person_row(scim_request: ScimRequest, id: str) -> PersonRow:
    scope, seal = scim_request.scope("User", "update"), scim_request.sign_in_service.seal
    row = await scim_request.read(directory_users.by_id, scope, seal, UserId(_uuid(id)))
    if row is None:
        raise NotFoundException(detail=f"No user has the id {id[:60]}.")
    return row


async def _group_row(scim_request: ScimRequest, id: str) -> GroupRow:
    scope = scim_request.scope("DirectoryGroup", "read")
    row = await scim_request.read(directory_groups.by_id, scope, DirectoryGroupId(_uuid(id)))
    if row is None:
        raise NotFoundException(detail=f"No group has the id {id[:60]}.")
    return row


def _uuid(id: str) -> UUID:
    try:
        return UUID(id)
    except ValueError as problem:
        raise NotFoundException(detail=f"The id {id[:60]} is not a UUID.") from problem
