"""Every fact that activities records, registered once."""

from __future__ import annotations

from collections.abc import Mapping

from chassis.facts.types import FactType

_OWN_ROWS = (
    "The timeline and the reminders read the rows of this service; the fact is for systems outside "
    "that read the stream."
)


def _unheard(name: str, meaning: str) -> FactType:
    return FactType(name, meaning, unheard=_OWN_ROWS)


FOLLOW_UP_LOGGED = _unheard("activities.follow_up.logged", "A follow-up was written down.")
FOLLOW_UP_EDITED = _unheard("activities.follow_up.edited", "A follow-up was corrected.")
TASK_CREATED = _unheard("activities.task.created", "A task was created.")
TASK_FELL_DUE = _unheard("activities.task.fell_due", "The due time of an open task has come.")
TASK_REASSIGNED = _unheard("activities.task.reassigned", "A task has another assignee.")
TASK_CHANGES: Mapping[str, FactType] = {
    "completed": _unheard("activities.task.completed", "A task was done."),
    "cancelled": _unheard("activities.task.cancelled", "A task was cancelled."),
    "reopened": _unheard("activities.task.reopened", "A task that was closed is open again."),
    "reassigned": TASK_REASSIGNED,
    "rescheduled": _unheard("activities.task.rescheduled", "A task has another due time."),
}
"""The fact of each change of a task, by the value of `Happening`."""
FACTS = (
    FOLLOW_UP_LOGGED,
    FOLLOW_UP_EDITED,
    TASK_CREATED,
    TASK_FELL_DUE,
    *TASK_CHANGES.values(),
)
