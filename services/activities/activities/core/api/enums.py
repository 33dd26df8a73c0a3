"""The closed lists of words of this subgraph: the domain's own, under the names clients read.

They are named here before any field speaks of them, for a list is named where it is first met.
"""

from __future__ import annotations

import strawberry

from activities.follow_ups.domain import Channel
from activities.notifications.domain.notification import Kind as NotificationKind
from activities.tasks.domain.due import Due
from activities.tasks.domain.task import Happening, Status

strawberry.enum(
    Channel,
    name="FollowUpChannel",
    description="How the customer was met: CALL, EMAIL, VISIT, WECHAT, MEETING, or OTHER.",
)
strawberry.enum(
    Status, name="TaskStatus", description="OPEN: to be done. DONE. CANCELLED: not to be done."
)
strawberry.enum(
    Happening, name="TaskHappening", description="What happened to a task; DUE: its time came."
)
strawberry.enum(
    Due,
    name="DueWindow",
    description="OVERDUE: before now. TODAY, THIS_WEEK (from Monday) and LATER (after this week) "
    "by the calendar of a time zone. UNDATED: no due time.",
)

strawberry.enum(
    NotificationKind,
    name="NotificationKind",
    description="What a notification is about. To you: ACCESS_REVIEW, "
    "CHANGESET_ANSWERED, DELEGATION, EXPORT_ANSWERED. To whoever may do something about it: ACCESS_ALERT, ACCESS_ENDING, "
    "CHANGESET_WAITING, EMERGENCY_ACCESS, EXPORT_WAITING.",
)

__all__ = ["Channel", "Due", "Happening", "NotificationKind", "Status"]
