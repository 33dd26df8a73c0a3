"""Who may do whose work, how long, and how much of it."""

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
    """Where a delegation stands in time."""

    PLANNED = "planned"
    ACTIVE = "active"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Draft:
    """A delegation to be. Without `roles` all rights of the giver, without `customers` all rows."""

    giver: UserId
    taker: UserId
    since: datetime | None
    until: datetime
    roles: tuple[str, ...] | None = None
    customers: tuple[UUID, ...] | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """From when until when."""

    since: datetime
    until: datetime


def span(draft: Draft, now: datetime) -> Span:
    """When it begins (now, if nothing is said) and ends. Raises `BadInput`."""
    since = moment.zoned(draft.since) if draft.since else now
    if since < now - timedelta(minutes=5) or since > now + LONGEST:
        raise BadInput(
            f"since must be a moment of the next {LONGEST.days} days; leave it out to begin now.",
            f"since 须在今后 {LONGEST.days} 天之内；省略则立即开始。",
            field="since",
        )
    return Span(since, moment.end(draft.until, max(since, now), longest=LONGEST, field="until"))


def note(text: str) -> str:
    """Why, in words."""
    return optional(text, field="note", longest=LONGEST_NOTE)


def customers(asked: Sequence[UUID] | None) -> list[UUID] | None:
    """The customers it is narrowed to, each once."""
    if asked is None:
        return None
    found = sorted(set(asked))
    if not 1 <= len(found) <= MOST_CUSTOMERS:
        raise BadInput(
            f"customerIds has {len(found)} ids; 1 to {MOST_CUSTOMERS} are taken, or leave it out "
            "for all customers.",
            f"customerIds 含 {len(found)} 个编号，可提交 1 到 {MOST_CUSTOMERS} 个；省略表示全部客户。",
            field="customerIds",
        )
    return found


def refuse_roles(asked: Sequence[str] | None, has: Sequence[str]) -> None:
    """Only roles that the giver has themselves are handed on."""
    if asked is None:
        return
    missing = sorted(set(asked) - set(has))
    if missing or not asked:
        raise BadInput(
            f"roles must name some of the giver's own roles: {', '.join(has) or 'there are none'}; "
            "or leave it out for all of them.",
            f"roles 只能是委托人已有的角色：{'、'.join(has) or '无'}；省略表示全部角色。",
            field="roles",
        )


def refuse_people(draft: Draft, giver: Kind | None, taker: Kind | None) -> None:
    """Work is handed from one colleague to another: not to oneself, a program or an outsider."""
    if draft.giver == draft.taker:
        raise BadInput(
            "takerId is who gives; choose somebody else.",
            "takerId 不能是委托人本人。",
            field="takerId",
        )
    for kind, field in ((giver, "giverId"), (taker, "takerId")):
        if kind is not Kind.PERSON:
            raise BadInput(
                f"{field} must be an active colleague: no program and nobody from outside.",
                f"{field} 须为在职同事，不能是服务账号或外部人员。",
                field=field,
            )
