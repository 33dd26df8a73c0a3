"""The enums of tasks: the domain's own, under the names clients read.

They are registered in a module of their own because a field that uses an enum must be declared
after it.
"""

from __future__ import annotations

import strawberry

from activities.tasks.domain.due import Due
from activities.tasks.domain.task import Happening, Status

strawberry.enum(
    Status,
    name="TaskStatus",
    description="The status of a task. OPEN: to be done. DONE: completed. CANCELLED: not to be "
    "done any more.",
)
strawberry.enum(
    Happening,
    name="TaskHappening",
    description="What happened to a task. DUE: its due time was reached while it was open.",
)
strawberry.enum(
    Due,
    name="DueWindow",
    description="A span of due times. OVERDUE: before now. TODAY, THIS_WEEK (from Monday) and "
    "LATER (after this week): by the calendar of a time zone. UNDATED: no due time.",
)

__all__ = ["Due", "Happening", "Status"]
