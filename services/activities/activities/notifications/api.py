"""The notifications of the caller, and marking them as read or unread."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from activities.core.api.arguments import ERRORS
from activities.core.api.ids import uuid
from activities.core.api.user import User
from activities.core.domain.ids import NotificationId, UserId
from activities.notifications import commands, store
from activities.notifications.domain.notification import ANSWERED_BY, Kind, text
from activities.notifications.store import COUNTED, Inbox, NotificationRow
from chassis.api.context import Info
from chassis.api.paging import DEFAULT_FIRST, MAX_FIRST, After, Connection, First, Window, connect
from chassis.api.problems import UserError, answers
from chassis.errors import BadInput

# Before the first field that uses it: a field knows an enum by the name it was registered with.
strawberry.enum(
    Kind,
    name="NotificationKind",
    description="What a notification is about. Addressed to you: ACCESS_REVIEW, "
    "CHANGESET_ANSWERED, DELEGATION, EXPORT_ANSWERED. For every user who may deal with it: "
    "ACCESS_ALERT, ACCESS_ENDING, CHANGESET_WAITING, EMERGENCY_ACCESS, EXPORT_WAITING.",
)
UNREAD = f"The number of your unread notifications; {COUNTED} means {COUNTED} or more."


@strawberry.type(description="A message that something waits for you, or has ended.")
class Notification:
    """A notification as its reader sees it."""

    id: strawberry.ID = strawberry.field(description="The notification's id.")
    kind: Kind = strawberry.field(description="The kind of object it is about.")
    text: str = strawberry.field(
        description="One sentence, in the language of the request (Accept-Language: zh or en)."
    )
    about: strawberry.ID = strawberry.field(
        description="The id of the object it is about: an access alert, an access review, a "
        "user, a changeset, a delegation, an emergency access or an export, depending on `kind`."
    )
    user: User | None = strawberry.field(description="The user it concerns.")
    occurred_at: datetime = strawberry.field(description="When the event happened.")
    read_at: datetime | None = strawberry.field(description="When you marked it as read.")
    settled_at: datetime | None = strawberry.field(
        description="When it had been dealt with; it no longer counts as unread then."
    )

    @classmethod
    def of(cls, row: NotificationRow, locale: str) -> Notification:
        """Return the GraphQL object of a row, its text in the language of `locale`."""
        return cls(
            id=strawberry.ID(str(row.id)),
            kind=row.kind,
            text=text(row.kind, row.details, locale),
            about=strawberry.ID(str(row.about)),
            user=User.of(row.subject),
            occurred_at=row.occurred_at,
            read_at=row.read_at,
            settled_at=row.settled_at,
        )


@strawberry.type(
    description="The number of unread notifications after a change, or why the change was refused."
)
class NotificationsPayload:
    """The answer of a notification mutation."""

    unread: int | None = strawberry.field(default=None, description=UNREAD)
    errors: list[UserError] = strawberry.field(default_factory=list, description=ERRORS)


@strawberry.type
class NotificationQuery:
    """The queries of notifications."""

    @strawberry.field(
        description="Your notifications: those addressed to you, and those you have the right to "
        "deal with. The latest first; they are kept for 180 days."
    )
    async def notifications(
        self,
        info: Info,
        kinds: Annotated[
            list[Kind] | None,
            strawberry.argument(description="Filter by kind. Left out: all."),
        ] = None,
        unread_only: Annotated[
            bool,
            strawberry.argument(
                description="Only notifications that are neither read nor settled."
            ),
        ] = False,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[Notification]:
        """Return a page of the caller's notifications."""
        context, window = info.context, Window(first, after)
        page = await context.read(
            store.notifications_of, _inbox(info), kinds or (), unread_only, window
        )
        connection: Connection[Notification] = connect(
            page, lambda row: Notification.of(row, context.locale)
        )
        return connection

    @strawberry.field(description=UNREAD)
    async def unread_notifications(self, info: Info) -> int:
        """Return the number of the caller's unread notifications."""
        return await info.context.read(store.unread, _inbox(info))


@strawberry.type
class NotificationMutation:
    """The mutations of notifications."""

    @strawberry.mutation(
        description="Mark notifications as read; `markNotificationsUnread` undoes it."
    )
    @answers(NotificationsPayload)
    async def mark_notifications_read(
        self,
        info: Info,
        ids: Annotated[
            list[strawberry.ID] | None,
            strawberry.argument(
                description=f"The ids of the notifications, at most {MAX_FIRST}. Left out: all "
                "unread ones."
            ),
        ] = None,
    ) -> NotificationsPayload:
        """Mark notifications of the caller as read."""
        selected = None if ids is None else _ids(ids)
        unread = await info.context.write(commands.mark_read, _inbox(info), selected)
        return NotificationsPayload(unread=unread)

    @strawberry.mutation(description="Mark notifications as unread.")
    @answers(NotificationsPayload)
    async def mark_notifications_unread(
        self,
        info: Info,
        ids: Annotated[
            list[strawberry.ID],
            strawberry.argument(description=f"The ids of the notifications, at most {MAX_FIRST}."),
        ],
    ) -> NotificationsPayload:
        """Mark notifications of the caller as unread."""
        unread = await info.context.write(commands.mark_unread, _inbox(info), _ids(ids))
        return NotificationsPayload(unread=unread)


def _ids(ids: list[strawberry.ID]) -> list[NotificationId]:
    if len(ids) > MAX_FIRST:
        raise BadInput(
            f"ids has {len(ids)} entries; send at most {MAX_FIRST} at once.",
            f"ids 共 {len(ids)} 项，每次最多标记 {MAX_FIRST} 项。",
            field="ids",
        )
    return [NotificationId(uuid(id, "ids")) for id in ids]


def _inbox(info: Info) -> Inbox:
    """Return the caller's inbox.

    It asks the permissions, not the context, for scopes: reading an inbox is no use of a right.
    """
    permissions, actor = info.context.permissions, info.context.actor
    scopes = {
        kind: permissions.allow(actor, object, action)
        for kind, (object, action) in ANSWERED_BY.items()
        if permissions.may(object, action)
    }
    return Inbox(UserId(actor.user_id), scopes)
