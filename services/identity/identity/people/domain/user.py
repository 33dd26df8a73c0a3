"""What a user is called, and what state and kind they are of."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from enum import Enum

from chassis.errors import BadInput
from identity.core.domain import moment
from identity.core.domain.text import required

LONGEST_NAME = 100
LONGEST_ACCESS = timedelta(days=3660)
LONGEST_FROM_OUTSIDE = timedelta(days=366)
_USERNAME = re.compile(r"[a-z0-9][a-z0-9._@-]{1,63}")


class Status(Enum):
    """Whether somebody may work here now."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class Kind(Enum):
    """A person, a part of the system that signs in like one, or somebody from outside."""

    PERSON = "person"
    SERVICE = "service"
    EXTERNAL = "external"


def username(text: str, *, field: str = "username") -> str:
    """The name somebody signs in with: lower case, and nothing that looks like another name."""
    found = text.strip().lower()
    if not _USERNAME.fullmatch(found):
        raise BadInput(
            f"{field} must be 2 to 64 characters of a-z, 0-9 and . _ @ -, "
            "beginning with a letter or digit.",
            f"{field} 须为 2 至 64 个字符，只能含小写字母、数字和 . _ @ -，并以字母或数字开头。",
            field=field,
        )
    return found


def asked_username(text: str) -> str:
    """The user name somebody tries to sign in with; one that nobody can have becomes empty."""
    found = text.strip().lower()
    return found if _USERNAME.fullmatch(found) else ""


def display_name(text: str, *, field: str = "displayName") -> str:
    """The name that colleagues read."""
    return required(text, field=field, longest=LONGEST_NAME)


def access_until(
    asked: datetime | None, kind: Kind, now: datetime, *, field: str = "accessUntil"
) -> datetime | None:
    """When somebody's access ends; somebody from outside never has one without an end."""
    if asked is not None:
        longest = LONGEST_FROM_OUTSIDE if kind is Kind.EXTERNAL else LONGEST_ACCESS
        return moment.end(asked, now, longest=longest, field=field)
    if kind is Kind.EXTERNAL:
        raise BadInput(
            f"{field} is missing: the access of somebody from outside has an end, at most "
            f"{LONGEST_FROM_OUTSIDE.days} days away. It can be extended then.",
            f"缺少 {field}：外部人员的访问必须有截止时间，最长 {LONGEST_FROM_OUTSIDE.days} 天，到期可延长。",
            field=field,
        )
    return None
