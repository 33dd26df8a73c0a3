"""Finding people and groups for a directory: filters, sorting, pages (RFC 7644 §3.4.2).

What directories ask all day (by user name, by external id, everything in pages) is a query of the
database. Any other filter is matched here, against the resources, since what a directory said is
kept encrypted.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from scim2_models import Group, Resource, SearchRequest, User

from identity.directory.api.scim import groups, people
from identity.directory.api.scim.description import MOST_RESULTS
from identity.directory.api.scim.request import Visit
from identity.directory.store import directory as store
from identity.directory.store.directory import GroupRow, PersonRow

_EQUALS = re.compile(r'\s*(\w+)\s+eq\s+"([^"\\]*)"\s*', re.IGNORECASE)
_PERSON_COLUMNS: Mapping[str, tuple[str, Callable[[str], str]]] = {
    "username": ("username", str.lower),
    "externalid": ("external_id", str),
}
_GROUP_COLUMNS: Mapping[str, tuple[str, Callable[[str], str]]] = {
    "displayname": ("display_name", str.lower),
    "externalid": ("external_id", str),
}


async def find_people(visit: Visit, asked: SearchRequest[Any]) -> tuple[list[User[Any]], int]:
    """One page of people, and how many there are."""
    scope, seal = visit.scope("User", "update"), visit.office.seal
    where = _simple(asked, _PERSON_COLUMNS)
    if where is not None:
        skip, most = _page(asked)
        rows, total = await visit.read(store.people, scope, seal, where, skip, most)
        return await _people(visit, rows), total
    rows, _ = await visit.read(store.people, scope, seal, {}, 0, None)
    return await _chosen(asked, await _people(visit, rows))


async def find_groups(visit: Visit, asked: SearchRequest[Any]) -> tuple[list[Group], int]:
    """One page of groups, and how many there are."""
    scope, where = visit.scope("DirectoryGroup", "read"), _simple(asked, _GROUP_COLUMNS)
    if where is not None:
        skip, most = _page(asked)
        rows, total = await visit.read(store.groups, scope, where, skip, most)
        return await _groups(visit, rows), total
    rows, _ = await visit.read(store.groups, scope, {}, 0, None)
    return await _chosen(asked, await _groups(visit, rows))


async def find_all(visit: Visit, asked: SearchRequest[Any]) -> tuple[list[Resource[Any]], int]:
    """One page of people and groups together."""
    people_rows, _ = await visit.read(
        store.people, visit.scope("User", "update"), visit.office.seal, {}, 0, None
    )
    group_rows, _ = await visit.read(
        store.groups, visit.scope("DirectoryGroup", "read"), {}, 0, None
    )
    found: list[Resource[Any]] = [
        *await _people(visit, people_rows),
        *await _groups(visit, group_rows),
    ]
    return await _chosen(asked, found)


async def _people(visit: Visit, rows: Sequence[PersonRow]) -> list[User[Any]]:
    of = await visit.read(store.memberships, [row.id for row in rows])
    return await asyncio.to_thread(
        lambda: [people.shown(row, of[row.id], visit.base) for row in rows]
    )


async def _groups(visit: Visit, rows: Sequence[GroupRow]) -> list[Group]:
    members = await visit.read(store.members, [row.id for row in rows])
    return await asyncio.to_thread(
        lambda: [groups.shown(row, members[row.id], visit.base) for row in rows]
    )


async def _chosen(asked: SearchRequest[Any], found: Sequence[Any]) -> tuple[list[Any], int]:
    """Those that match, in the order asked for, cut to the page."""

    def choose() -> list[Any]:
        matching = [one for one in found if asked.filter is None or asked.filter.match(one)]
        return asked.sort(matching) if asked.sort_by else matching

    matching = await asyncio.to_thread(choose)
    skip, most = _page(asked)
    return matching[skip : skip + most], len(matching)


def _simple(
    asked: SearchRequest[Any], columns: Mapping[str, tuple[str, Callable[[str], str]]]
) -> dict[str, str] | None:
    """What the database can look up by itself, or None if it takes more than that."""
    if asked.sort_by is not None:
        return None
    if asked.filter is None:
        return {}
    found = _EQUALS.fullmatch(str(asked.filter))
    if found is None or found[1].lower() not in columns or "\0" in found[2]:
        return None
    column, fold = columns[found[1].lower()]
    return {column: fold(found[2])}


def _page(asked: SearchRequest[Any]) -> tuple[int, int]:
    most = MOST_RESULTS if asked.count is None else asked.count
    return max(asked.start_index or 1, 1) - 1, min(max(most, 0), MOST_RESULTS)
