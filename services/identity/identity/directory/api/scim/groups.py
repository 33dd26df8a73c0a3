"""Convert between directory groups and SCIM groups."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from scim2_models import Group, GroupMember, InvalidValueException, Meta, Reference

from identity.core.domain.ids import UserId
from identity.directory.domain.directory import (
    GroupRequest,
    Member,
    check_external_id,
    check_member_name,
)
from identity.directory.store.directory_group import GroupRow


def to_scim(row: GroupRow, members: Sequence[Member], base: str) -> Group:
    """Return a group as SCIM group."""
    return Group(
        id=str(row.id),
        external_id=row.external_id,
        display_name=row.display_name,
        members=[
            GroupMember(
                value=str(member.user),
                ref=Reference(f"{base}/Users/{member.user}"),
                type="User",
                display=member.display,
            )
            for member in members
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


def to_request(group: Group) -> GroupRequest:
    """Return the requested state of a group."""
    members = {member.user: member for member in map(_member, group.members or ())}
    return GroupRequest(
        group.display_name or "", check_external_id(group.external_id), tuple(members.values())
    )


def _member(scim_member: GroupMember) -> Member:
    if (scim_member.type or "User").casefold() != "user":
        raise InvalidValueException(
            detail="Nested groups are not supported; members must be users."
        )
    try:
        user = UserId(UUID(scim_member.value or ""))
    except ValueError as problem:
        raise InvalidValueException(
            detail=f"members.value {(scim_member.value or '')[:60]!r} is not the id of a user."
        ) from problem
    return Member(user, check_member_name(scim_member.display))
