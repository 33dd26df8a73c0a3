"""Groups of a directory as SCIM groups."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from scim2_models import Group, GroupMember, InvalidValueException, Meta, Reference

from identity.core.domain.ids import UserId
from identity.directory.domain.directory import (
    GroupRequest as Wanted,
    Member,
    check_external_id,
    check_member_name,
)
from identity.directory.store.directory import GroupRow


def shown(row: GroupRow, members: Sequence[Member], base: str) -> Group:
    """The group as its directory reads it."""
    return Group(
        id=str(row.id),
        external_id=row.external_id,
        display_name=row.display_name,
        members=[
            GroupMember(
                value=str(one.user),
                ref=Reference(f"{base}/Users/{one.user}"),
                type="User",
                display=one.display,
            )
            for one in members
        ]
        or None,
        meta=Meta(
            resource_type="Group",
            created=row.created_at,
            last_modified=row.updated_at,
            location=f"{base}/Groups/{row.id}",
            version=f'W/"{row.version}"',
        ),
    )


def wanted(group: Group) -> Wanted:
    """What a directory asks for."""
    members = {one.user: one for one in map(_member, group.members or ())}
    return Wanted(
        group.display_name or "", check_external_id(group.external_id), tuple(members.values())
    )


def _member(said: GroupMember) -> Member:
    if (said.type or "User").casefold() != "user":
        raise InvalidValueException(detail="Groups in groups are not kept; name users as members.")
    try:
        user = UserId(UUID(said.value or ""))
    except ValueError as problem:
        raise InvalidValueException(
            detail=f"members.value {(said.value or '')[:60]!r} is not the id of a user."
        ) from problem
    return Member(user, check_member_name(said.display))
