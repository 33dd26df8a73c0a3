"""Search people and groups for a directory: filters, sorting, pages (RFC 7644, 3.4.2).

The frequent searches (by user name, by external id, everything in pages) are database queries. Any
other filter is matched here, against the resources, since what a directory sent is stored
encrypted.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from scim2_models import Group, Resource, SearchRequest, User

from identity.directory.api.scim import groups, people
from identity.directory.api.scim.description import MAX_RESULTS
from identity.directory.api.scim.request import ScimRequest
from identity.directory.store import (
    directory_group as directory_groups,
    directory_user as directory_users,
)
from identity.directory.store.directory_group import GroupRow
from identity.directory.store.directory_user import PersonRow

_EQUALS = re.compile(r'\s*(\w+)\s+eq\s+"([^"\\]*)"\s*', re.IGNORECASE)
_PERSON_COLUMNS: Mapping[str, tuple[str, Callable[[str], str]]] = {
    "username": ("username", str.lower),
    "externalid": ("external_id", str),
}
_GROUP_COLUMNS: Mapping[str, tuple[str, Callable[[str], str]]] = {
    "displayname": ("display_name", str.lower),
    "externalid": ("external_id", str),
}


async def find_people(
    scim_request: ScimRequest, search: SearchRequest[Any]
) -> tuple[list[User[Any]], int]:
    """Return one page of people, and how many match."""
    scope, seal = scim_request.scope("User", "update"), scim_request.sign_in_service.seal
    equal_columns = _equality_filter(search, _PERSON_COLUMNS)
    if equal_columns is not None:
        skip, limit = _page_bounds(search)
        rows, total = await scim_request.read(
            directory_users.find, scope, seal, equal_columns, skip, limit
        )
        return await _scim_users(scim_request, rows), total
    rows, _ = await scim_request.read(directory_users.find, scope, seal, {}, 0, None)
    return await _filter_and_page(search, await _scim_users(scim_request, rows))


async def find_groups(
    scim_request: ScimRequest, search: SearchRequest[Any]
) -> tuple[list[Group], int]:
    """Return one page of groups, and how many match."""
    scope, equal_columns = (
        scim_request.scope("DirectoryGroup", "read"),
        _equality_filter(search, _GROUP_COLUMNS),
    )
    if equal_columns is not None:
        skip, limit = _page_bounds(search)
        rows, total = await scim_request.read(
            directory_groups.find, scope, equal_columns, skip, limit
        )
        return await _scim_groups(scim_request, rows), total
    rows, _ = await scim_request.read(directory_groups.find, scope, {}, 0, None)
    return await _filter_and_page(search, await _scim_groups(scim_request, rows))


async def find_all(
    scim_request: ScimRequest, search: SearchRequest[Any]
) -> tuple[list[Resource[Any]], int]:
    """Return one page of people and groups together, and how many match."""
    people_rows, _ = await scim_request.read(
        directory_users.find,
        scim_request.scope("User", "update"),
        scim_request.sign_in_service.seal,
        {},
        0,
        None,
    )
    group_rows, _ = await scim_request.read(
        directory_groups.find, scim_request.scope("DirectoryGroup", "read"), {}, 0, None
    )
    resources: list[Resource[Any]] = [
        *await _scim_users(scim_request, people_rows),
        *await _scim_groups(scim_request, group_rows),
    ]
    return await _filter_and_page(search, resources)


async def _scim_users(scim_request: ScimRequest, rows: Sequence[PersonRow]) -> list[User[Any]]:
    memberships = await scim_request.read(directory_groups.memberships, [row.id for row in rows])
    return await asyncio.to_thread(
        lambda: [people.to_scim(row, memberships[row.id], scim_request.base) for row in rows]
    )


async def _scim_groups(scim_request: ScimRequest, rows: Sequence[GroupRow]) -> list[Group]:
    members = await scim_request.read(directory_groups.members, [row.id for row in rows])
    return await asyncio.to_thread(
        lambda: [groups.to_scim(row, members[row.id], scim_request.base) for row in rows]
    )


async def _filter_and_page(
    search: SearchRequest[Any], resources: Sequence[Any]
) -> tuple[list[Any], int]:
    """Return the page of the resources that match, sorted as requested, and how many match."""

    def filter_and_sort() -> list[Any]:
        matching = [
            resource
            for resource in resources
            if search.filter is None or search.filter.match(resource)
        ]
        return search.sort(matching) if search.sort_by else matching

    matching = await asyncio.to_thread(filter_and_sort)
    skip, limit = _page_bounds(search)
    return matching[skip : skip + limit], len(matching)


def _equality_filter(
    search: SearchRequest[Any], columns: Mapping[str, tuple[str, Callable[[str], str]]]
) -> dict[str, str] | None:
    """Return the filter as column values, or None if the database cannot evaluate it."""
    if search.sort_by is not None:
        return None
    if search.filter is None:
        return {}
    match = _EQUALS.fullmatch(str(search.filter))
    if match is None or match[1].lower() not in columns or "\0" in match[2]:
        return None
    column, fold = columns[match[1].lower()]
    return {column: fold(match[2])}


def _page_bounds(search: SearchRequest[Any]) -> tuple[int, int]:
    """Return how many resources to skip and how many to return."""
    limit = MAX_RESULTS if search.count is None else search.count
    return max(search.start_index or 1, 1) - 1, min(max(limit, 0), MAX_RESULTS)
