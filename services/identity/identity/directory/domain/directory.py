"""What a directory says of people and groups, and what of it becomes ours.

The directory is believed about who works here, what they are called and in which groups they are.
What a group may do is the policy's to say: somebody here ties roles to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from identity.core.domain.ids import DepartmentId, UserId
from identity.core.domain.text import optional, required
from identity.people.domain.user import LONGEST_NAME

LONGEST_GROUP_NAME = 200
LONGEST_EXTERNAL_ID = 500


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Stands where the directory says nothing of a password."""


UNCHANGED = Unchanged()


@dataclass(frozen=True, slots=True)
class Person:
    """A person as their directory wants them. `document` is all it said, for it to read back."""

    username: str
    display_name: str
    external_id: str | None
    active: bool | None
    department: str | None
    document: bytes
    password_hash: str | Unchanged | None = UNCHANGED


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in a group, and what the directory calls them there."""

    user: UserId
    display: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A group as its directory wants it."""

    display_name: str
    external_id: str | None
    members: tuple[Member, ...]


def shown_name(*candidates: str | None) -> str:
    """The first name that says something, cut to what we keep."""
    return next(
        (text[:LONGEST_NAME] for text in (" ".join((c or "").split()) for c in candidates) if text),
        "",
    )


def external_id(text: str | None) -> str | None:
    """What the directory itself calls a person or group."""
    return optional(text, field="externalId", longest=LONGEST_EXTERNAL_ID) or None


def member_name(text: str | None) -> str | None:
    """What the directory calls somebody in a group."""
    return optional(text, field="members.display", longest=LONGEST_GROUP_NAME) or None


def group_name(text: str) -> str:
    """What a group is called."""
    return required(text, field="displayName", longest=LONGEST_GROUP_NAME)


def former_username(id: UUID) -> str:
    """The user name of somebody who left: the old one is free, and whoever gets it is a new person."""
    return f"former-{id}"


def place(said: str | None, paths: Mapping[DepartmentId, Sequence[str]]) -> DepartmentId | None:
    """The one department a text names, by its path ("Sales/East") or by a name only it has.

    None where it names none or several: then people stay where they are.
    """
    wanted = tuple(part.strip().casefold() for part in (said or "").split("/") if part.strip())
    if not wanted:
        return None
    found = [
        id
        for id, path in paths.items()
        if tuple(name.casefold() for name in path)[-len(wanted) :] == wanted
    ]
    whole = [id for id in found if len(paths[id]) == len(wanted)]
    if len(whole) == 1:
        return whole[0]
    return found[0] if len(found) == 1 else None
