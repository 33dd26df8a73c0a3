"""The user who takes over a task, by the plan that identity writes into its fact."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from activities.core.domain.ids import UserId

DEEPEST = 64


@dataclass(frozen=True, slots=True)
class Receiver:
    """The receiver of tasks: what the plan orders (`keep`, …), and the user it names."""

    to: str
    user_id: UserId | None


@dataclass(frozen=True, slots=True)
class Plan:
    """The receivers of tasks by the department of their customer, and the heads of departments.

    A user who only changes their job hands over the tasks of the department they come from.
    """

    otherwise: Receiver
    departments: Mapping[UUID, Receiver]
    heads: Mapping[UUID, UserId]
    come_from: UUID | None = None


Departments = Mapping[UUID, UUID | None]
"""Each department with its parent."""


def plan_of(json: Mapping[str, Any]) -> Plan:
    """Return the plan of a fact."""
    come_from = json.get("from")
    return Plan(
        otherwise=_receiver(json["otherwise"]),
        departments={UUID(id): _receiver(receiver) for id, receiver in json["departments"].items()},
        heads={UUID(id): UserId(UUID(head)) for id, head in json["heads"].items()},
        come_from=UUID(come_from) if come_from else None,
    )


def next_assignee(
    plan: Plan,
    assignee: UserId,
    department: UUID | None,
    parents: Departments,
    fallback: UserId,
    works: Callable[[UserId], bool],
) -> UserId:
    """Return the new assignee of a task, or the present one to keep it.

    There is no pool for tasks: a task without a receiver goes to the head of the department or of
    the nearest one above, and at last to the administrator who ordered the handover (`fallback`).
    """
    path = list(_path_up(department, parents))
    receiver = next((plan.departments[id] for id in path if id in plan.departments), plan.otherwise)
    if receiver.to == "keep":
        return assignee
    if receiver.user_id is not None and works(receiver.user_id):
        return receiver.user_id
    heads = (head for id in path if (head := plan.heads.get(id)) is not None and works(head))
    return next(heads, fallback)


def _path_up(department: UUID | None, parents: Departments) -> Iterator[UUID]:
    """Yield a department and all above it; `DEEPEST` ends a circle in faulty data."""
    for _ in range(DEEPEST):
        if department is None:
            return
        yield department
        department = parents.get(department)


def _receiver(json: list[str | None]) -> Receiver:
    order, user_id = json
    return Receiver(str(order), UserId(UUID(user_id)) if user_id else None)
