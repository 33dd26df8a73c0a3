"""Whose work may be delegated to whom, how long, and how much of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

from chassis.errors import BadInput
from identity.core.domain import moment
from identity.core.domain.ids import UserId
from identity.core.domain.text import optional
from identity.people.domain.user import Kind

LONGEST = timedelta(days=366)
LONGEST_NOTE = 500
MOST_CUSTOMERS = 500


class DelegationState(Enum):
    """Whether a delegation is yet to begin, in force, or over."""

    PLANNED = "planned"
    ACTIVE = "active"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Draft:
    """A delegation to be created.

    `roles` is `None` for all rights of the giver, `customers` is `None` for all customers they
    reach.
    """

    giver: UserId
    taker: UserId
    since: datetime | None
    until: datetime
    roles: tuple[str, ...] | None = None
    customers: tuple[UUID, ...] | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """A time from one moment to another."""

    since: datetime
    until: datetime


def span(draft: Draft, now: datetime) -> Span:
    """Return when a delegation begins, by default now, and ends. Raises `BadInput`."""
    since = moment.zoned(draft.since) if draft.since else now
    if since < now - timedelta(minutes=5) or since > now + LONGEST:
        raise BadInput(
            f"since must be a moment of the next {LONGEST.days} days; leave it out to begin now.",
            f"since 须在今后 {LONGEST.days} 天之内；省略则立即开始。",
            field="since",
        )
    return Span(since, moment.end(draft.until, max(since, now), longest=LONGEST, field="until"))


def note(text: str) -> str:
    """Return the trimmed reason of a delegation, which may be empty. Raises `BadInput`."""
    return optional(text, field="note", longest=LONGEST_NOTE)


def customers(ids: Sequence[UUID] | None) -> list[UUID] | None:
    """Return the customers a delegation is limited to, sorted and unique. Raises `BadInput`."""
    if ids is None:
        return None
    unique = sorted(set(ids))
    if not 1 <= len(unique) <= MOST_CUSTOMERS:
        raise BadInput(
            f"customerIds has {len(unique)} ids; give 1 to {MOST_CUSTOMERS}, or leave it out for "
            "all customers.",
            f"customerIds 含 {len(unique)} 个编号，可提交 1 到 {MOST_CUSTOMERS} 个；"
            "省略表示全部客户。",
            field="customerIds",
        )
    return unique


def refuse_roles(roles: Sequence[str] | None, own_roles: Sequence[str]) -> None:
    """Raise `BadInput` for roles that the giver does not have themselves, and for an empty list."""
    if roles is None:
        return
    missing = sorted(set(roles) - set(own_roles))
    if missing or not roles:
        raise BadInput(
            "roles must name some of the giver's own roles: "
            f"{', '.join(own_roles) or 'there are none'}; or leave it out for all of them.",
            f"roles 只能是委托人已有的角色：{'、'.join(own_roles) or '无'}；省略表示全部角色。",
            field="roles",
        )


def refuse_people(draft: Draft, giver: Kind | None, taker: Kind | None) -> None:
    """Raise `BadInput` unless work goes from one active person to another.

    `giver` and `taker` are the kinds of the two users, `None` for a user who does not work here
    now.
    """
    if draft.giver == draft.taker:
        raise BadInput(
            "takerId and giverId are the same user; choose another taker.",
            "takerId 不能是委托人本人。",
            field="takerId",
        )
    for kind, field in ((giver, "giverId"), (taker, "takerId")):
        if kind is not Kind.PERSON:
            raise BadInput(
                f"{field} must be an active colleague, no service and no external user.",
                f"{field} 须为在职同事，不能是服务账号或外部人员。",
                field=field,
            )
