"""Who takes over a task: the rule of a plan, as identity writes it into its fact."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from activities.core.domain.ids import UserId

DEEPEST = 64


@dataclass(frozen=True, slots=True)
class Receiver:
    """To whom, in the words of the plan."""

    to: str
    person: UserId | None


@dataclass(frozen=True, slots=True)
class Plan:
    """Who takes over by the department of a task's customer, and who heads which department. Of
    somebody who only moves, nothing but what belongs to the department they come `from`."""

    otherwise: Receiver
    departments: Mapping[UUID, Receiver]
    heads: Mapping[UUID, UserId]
    come_from: UUID | None = None


Places = Mapping[UUID, UUID | None]
"""Each department with the one above it."""


def plan_of(told: Mapping[str, Any]) -> Plan:
    """The plan of a fact."""
    come_from = told.get("from")
    return Plan(
        otherwise=_receiver(told["otherwise"]),
        departments={UUID(id): _receiver(one) for id, one in told["departments"].items()},
        heads={UUID(id): UserId(UUID(head)) for id, head in told["heads"].items()},
        come_from=UUID(come_from) if come_from else None,
    )


def taker(
    plan: Plan,
    assignee: UserId,
    department: UUID | None,
    above: Places,
    fallback: UserId,
    works: Callable[[UserId], bool],
) -> UserId:
    """Who does a task from now on. There is no pool for tasks: what nobody takes over goes to the
    head of the department, and at last to whoever gave the order."""
    way = list(_way_up(department, above))
    receiver = next((plan.departments[id] for id in way if id in plan.departments), plan.otherwise)
    if receiver.to == "keep":
        return assignee
    if receiver.person is not None and works(receiver.person):
        return receiver.person
    head = (head for id in way if (head := plan.heads.get(id)) is not None and works(head))
    return next(head, fallback)


def _way_up(department: UUID | None, above: Places) -> Iterator[UUID]:
    """A department and all above it; a circle would be somebody's mistake and ends all the same."""
    for _ in range(DEEPEST):
        if department is None:
            return
        yield department
        department = above.get(department)


def _receiver(said: list[str | None]) -> Receiver:
    person = said[1]
    return Receiver(str(said[0]), UserId(UUID(person)) if person else None)
