"""Names, status and kind of users, and when their access ends."""

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
    """Whether a user may work here now."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class Kind(Enum):
    """An employee, a part of the system that signs in like one, or an external person."""

    PERSON = "person"
    SERVICE = "service"
    EXTERNAL = "external"


def username(text: str, *, field: str = "username") -> str:
    """Return the name a user signs in with, in lower case.

    Raises `BadInput` for characters by which a name could look like another one.
    """
    name = text.strip().lower()
    if not _USERNAME.fullmatch(name):
        raise BadInput(
            f"{field} must be 2 to 64 characters of a-z, 0-9 and . _ @ -, beginning with a letter "
            "or digit.",
            f"{field} 须为 2 至 64 个字符，只能含小写字母、数字和 . _ @ -，并以字母或数字开头。",
            field=field,
        )
    return name


def asked_username(text: str) -> str:
    """Return the user name of an attempt to sign in; one that no user can have becomes empty."""
    name = text.strip().lower()
    return name if _USERNAME.fullmatch(name) else ""


def display_name(text: str, *, field: str = "displayName") -> str:
    """Return the trimmed name that colleagues read. Raises `BadInput`."""
    return required(text, field=field, longest=LONGEST_NAME)


def access_until(
    end: datetime | None, kind: Kind, now: datetime, *, field: str = "accessUntil"
) -> datetime | None:
    """Return when the access of a user ends; `None`: never.

    Raises `BadInput`, also for an external user whose access would have no end.
    """
    if end is not None:
        longest = LONGEST_FROM_OUTSIDE if kind is Kind.EXTERNAL else LONGEST_ACCESS
        return moment.end(end, now, longest=longest, field=field)
    if kind is Kind.EXTERNAL:
        raise BadInput(
            f"{field} is missing: the access of an external user must have an end, at most "
            f"{LONGEST_FROM_OUTSIDE.days} days away. It can be extended then.",
            f"缺少 {field}：外部人员的访问必须有截止时间，最长 {LONGEST_FROM_OUTSIDE.days} 天，"
            "到期可延长。",
            field=field,
        )
    return None
