"""Reading and changing one person or group for a directory.

A change is worked out on what is there, outside of a transaction, and written only if that is still
there; without `If-Match` it is worked out again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from uuid import UUID

from scim2_models import Group, NotFoundException, User

from chassis.errors import Conflict
from identity.core.domain.ids import DirectoryGroupId, UserId
from identity.directory.api.scim import groups, people
from identity.directory.api.scim.request import Visit
from identity.directory.commands import directory as commands
from identity.directory.store import directory as store
from identity.directory.store.directory import GroupRow, PersonRow

T = TypeVar("T")

_TRIES = 3


async def person(visit: Visit, id: str) -> User[Any]:
    """One person."""
    row = await _person(visit, id)
    of = await visit.read(store.memberships, [row.id])
    return people.shown(row, of[row.id], visit.base)


async def add_person(visit: Visit, said: User[Any]) -> User[Any]:
    """A new person."""
    wanted = await people.wanted(said, visit.office.passwords, None)
    scope = visit.scope("User", "create")
    id = await visit.write(commands.add_person, scope, visit.office.seal, wanted)
    return await person(visit, str(id))


async def change_person(
    visit: Visit, id: str, become: Callable[[User[Any]], User[Any]], expected: int | None
) -> User[Any]:
    """Make a person what `become` makes of them."""

    async def once() -> None:
        row = await _person(visit, id)
        changed = become(people.editable(row, visit.base))
        wanted = await people.wanted(changed, visit.office.passwords, row)
        version = row.version if expected is None else expected
        scope = visit.scope("User", "update")
        await visit.write(
            commands.replace_person, scope, visit.office.seal, row.id, wanted, version
        )

    await _tried(once, expected)
    return await person(visit, id)


async def remove_person(visit: Visit, id: str, expected: int | None) -> None:
    """Somebody left."""
    row = await _person(visit, id)
    await visit.write(commands.remove_person, visit.scope("User", "update"), row.id, expected)


async def group(visit: Visit, id: str) -> Group:
    """One group with its members."""
    row = await _group(visit, id)
    members = await visit.read(store.members, [row.id])
    return groups.shown(row, members[row.id], visit.base)


async def add_group(visit: Visit, said: Group) -> Group:
    """A new group."""
    scope = visit.scope("DirectoryGroup", "update")
    id = await visit.write(commands.add_group, scope, groups.wanted(said))
    return await group(visit, str(id))


async def change_group(
    visit: Visit, id: str, become: Callable[[Group], Group], expected: int | None
) -> Group:
    """Make a group what `become` makes of it."""

    async def once() -> None:
        row = await _group(visit, id)
        members = await visit.read(store.members, [row.id])
        wanted = groups.wanted(become(groups.shown(row, members[row.id], visit.base)))
        version = row.version if expected is None else expected
        scope = visit.scope("DirectoryGroup", "update")
        await visit.write(commands.replace_group, scope, row.id, wanted, version)

    await _tried(once, expected)
    return await group(visit, id)


async def remove_group(visit: Visit, id: str, expected: int | None) -> None:
    """A group is no more."""
    row, scope = await _group(visit, id), visit.scope("DirectoryGroup", "update")
    await visit.write(commands.remove_group, scope, row.id, expected)


async def _tried(once: Callable[[], Awaitable[None]], expected: int | None) -> None:
    """Again if somebody was faster, unless the directory said which version it means."""
    for left in reversed(range(_TRIES)):
        try:
            return await once()
        except Conflict as problem:
            if expected is not None or not left or "version" not in problem.extra:
                raise
    return None


async def _person(visit: Visit, id: str) -> PersonRow:
    scope, seal = visit.scope("User", "update"), visit.office.seal
    found = await visit.read(store.person, scope, seal, UserId(_uuid(id)))
    if found is None:
        raise NotFoundException(detail=f"There is no user {id[:60]}.")
    return found


async def _group(visit: Visit, id: str) -> GroupRow:
    scope = visit.scope("DirectoryGroup", "read")
    found = await visit.read(store.group, scope, DirectoryGroupId(_uuid(id)))
    if found is None:
        raise NotFoundException(detail=f"There is no group {id[:60]}.")
    return found


def _uuid(id: str) -> UUID:
    try:
        return UUID(id)
    except ValueError as problem:
        raise NotFoundException(detail=f"There is nothing with the id {id[:60]}.") from problem
