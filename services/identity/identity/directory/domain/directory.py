"""What a directory states about people and groups, and what of it is taken over here.

The directory is authoritative for who works here, their names and their groups. What a group may do
is decided by the policy: an administrator ties roles to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from identity.core.domain.ids import DepartmentId, UserId
from identity.core.domain.text import optional, required
from identity.people.domain.user import LONGEST_NAME

MAX_GROUP_NAME_LENGTH = 200
MAX_EXTERNAL_ID_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The type of the marker for a password that a request leaves as it is."""


UNCHANGED = Unchanged()


@dataclass(frozen=True, slots=True)
class PersonRequest:
    """The requested state of a person.

    `document` is all that the directory sent, for it to read back.
    """

    username: str
    display_name: str
    external_id: str | None
    active: bool | None
    department: str | None
    document: bytes
    password_hash: str | Unchanged | None = UNCHANGED


@dataclass(frozen=True, slots=True)
class Member:
    """A user in a group, and the name that the directory uses for them there."""

    user: UserId
    display: str | None = None


@dataclass(frozen=True, slots=True)
class GroupRequest:
    """The requested state of a group."""

    display_name: str
    external_id: str | None
    members: tuple[Member, ...]


def first_nonempty_name(*candidates: str | None) -> str:
    """Return the first name that is not empty, shortened to the permitted length."""
    return next(
        (
            text[:LONGEST_NAME]
            for text in (" ".join((candidate or "").split()) for candidate in candidates)
            if text
        ),
        "",
    )


def check_external_id(text: str | None) -> str | None:
    """Return the id that the directory itself uses, or None. Raises `BadInput`."""
    return optional(text, field="externalId", longest=MAX_EXTERNAL_ID_LENGTH) or None


def check_member_name(text: str | None) -> str | None:
    """Return the name that the directory uses for a member, or None. Raises `BadInput`."""
    return optional(text, field="members.display", longest=MAX_GROUP_NAME_LENGTH) or None


def check_group_name(text: str) -> str:
    """Return the trimmed name of a group. Raises `BadInput`."""
    return required(text, field="displayName", longest=MAX_GROUP_NAME_LENGTH)


def former_username(id: UUID) -> str:
    """Return the user name of a person who left.

    The old one is free again, and a later user with it is a new person.
    """
    return f"former-{id}"


def match_department(
    text: str | None, paths: Mapping[DepartmentId, Sequence[str]]
) -> DepartmentId | None:
    """Return the one department that a text names, by path ("Sales/East") or by a unique name.

    None where it names no department or several: then people keep their department.
    """
    names = tuple(part.strip().casefold() for part in (text or "").split("/") if part.strip())
    if not names:
        return None
    matches = [
        id
        for id, path in paths.items()
        if tuple(name.casefold() for name in path)[-len(names) :] == names
    ]
    complete_matches = [id for id in matches if len(paths[id]) == len(names)]
    if len(complete_matches) == 1:
        return complete_matches[0]
    return matches[0] if len(matches) == 1 else None
