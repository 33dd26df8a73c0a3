"""Notifications: what waits for whoever asks, and what is over."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from activities.core.api.enums import NotificationKind
from activities.core.api.ids import uuid
from activities.core.api.user import User
from activities.core.domain.ids import NotificationId, UserId
from activities.notifications import commands, store
from activities.notifications.domain.notification import ANSWERED_BY, text
from activities.notifications.store import COUNTED, Inbox, NotificationRow
from activities.timeline.api import ActivitiesInfo
from chassis.api.paging import DEFAULT_FIRST, MAX_FIRST, After, Connection, First, Window, connect
from chassis.api.problems import UserError, answers
from chassis.errors import BadInput


@strawberry.type(description="Something that waits for you, or is over.")
class Notification:
    id: strawberry.ID = strawberry.field(description="The notification's id.")
    kind: NotificationKind = strawberry.field(description="What it is about.")
    text: str = strawberry.field(
        description="One sentence, in the language of the request (Accept-Language: zh or en)."
    )
    about: strawberry.ID = strawberry.field(
        description="The id of what it tells of: an access alert, an access review, a "
        "user, a changeset, a delegation, an emergency access or an export, by `kind`."
    )
    user: User | None = strawberry.field(description="Whom it concerns.")
    occurred_at: datetime = strawberry.field(description="When it happened.")
    read_at: datetime | None = strawberry.field(description="When you marked it as read.")
    settled_at: datetime | None = strawberry.field(
        description="When somebody had seen to it; it counts as unread no more."
    )

    @classmethod
    def of(cls, row: NotificationRow, locale: str) -> Notification:
        return cls(
            id=strawberry.ID(str(row.id)),
            kind=row.kind,
            text=text(row.kind, row.details, locale),
            about=strawberry.ID(str(row.about)),
            user=User(id=strawberry.ID(str(row.subject))) if row.subject else None,
            occurred_at=row.occurred_at,
            read_at=row.read_at,
            settled_at=row.settled_at,
        )


@strawberry.type(description="How many are unread after a write, or why it was refused.")
class NotificationsPayload:
    unread: int | None = strawberry.field(
        default=None, description=f"How many are unread now; {COUNTED}: so many or more."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty: it was done."
    )


@strawberry.type
class NotificationQuery:
    @strawberry.field(
        description="What you are told of: addressed to you, or for whoever may do something about it. "
        "The latest first; kept for half a year."
    )
    async def notifications(
        self,
        info: ActivitiesInfo,
        kinds: Annotated[
            list[NotificationKind] | None,
            strawberry.argument(description="Of these kinds; left out: all."),
        ] = None,
        unread_only: Annotated[
            bool, strawberry.argument(description="Only what is neither read nor settled.")
        ] = False,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[Notification]:
        ctx = info.context
        window = Window(first, after)
        found = await ctx.read(store.listed, _inbox(info), kinds or (), unread_only, window)
        answer: Connection[Notification] = connect(
            found, lambda row: Notification.of(row, ctx.locale)
        )
        return answer

    @strawberry.field(
        description=f"How many of your notifications are neither read nor settled; {COUNTED}: so "
        "many or more."
    )
    async def unread_notifications(self, info: ActivitiesInfo) -> int:
        return await info.context.read(store.unread, _inbox(info))


@strawberry.type
class NotificationMutation:
    @strawberry.mutation(
        description="You have read these notifications; `markNotificationsUnread` takes it back."
    )
    @answers(NotificationsPayload)
    async def mark_notifications_read(
        self,
        info: ActivitiesInfo,
        ids: Annotated[
            list[strawberry.ID] | None,
            strawberry.argument(
                description=f"Which ones, at most {MAX_FIRST}; left out: all that are unread."
            ),
        ] = None,
    ) -> NotificationsPayload:
        chosen = None if ids is None else _ids(ids)
        unread = await info.context.write(commands.mark_read, _inbox(info), chosen)
        return NotificationsPayload(unread=unread)

    @strawberry.mutation(description="These notifications are to be read again.")
    @answers(NotificationsPayload)
    async def mark_notifications_unread(
        self,
        info: ActivitiesInfo,
        ids: Annotated[
            list[strawberry.ID],
            strawberry.argument(description=f"Which ones, at most {MAX_FIRST}."),
        ],
    ) -> NotificationsPayload:
        unread = await info.context.write(commands.mark_unread, _inbox(info), _ids(ids))
        return NotificationsPayload(unread=unread)


def _ids(given: list[strawberry.ID]) -> list[NotificationId]:
    if len(given) > MAX_FIRST:
        raise BadInput(
            f"ids has {len(given)} entries; at most {MAX_FIRST} are marked at once.",
            f"ids 共 {len(given)} 项，每次最多标记 {MAX_FIRST} 项。",
            field="ids",
        )
    return [NotificationId(uuid(id, "ids")) for id in given]


def _inbox(info: ActivitiesInfo) -> Inbox:
    """Looking whether something waits uses no right, so it is not counted as a use of one."""
    ctx = info.context
    mine, actor = ctx.permissions, ctx.actor
    scopes = {
        kind: mine.allow(actor, object, action)
        for kind, (object, action) in ANSWERED_BY.items()
        if mine.may(object, action)
    }
    return Inbox(UserId(actor.user_id), scopes)
