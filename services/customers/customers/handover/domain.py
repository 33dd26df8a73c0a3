"""Who takes over a customer: the rule of a plan, as identity writes it into its fact."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

DEEPEST = 64


@dataclass(frozen=True, slots=True)
class Receiver:
    """To whom, in the words of the plan."""

    to: str
    person: UUID | None


@dataclass(frozen=True, slots=True)
class Plan:
    """Who takes over by department, the nearest above counts, and who heads which department.

    Of somebody who only moves, nothing but what belongs to the department they come `from` is handed
    over, and what they keep goes `into` the new one with them.
    """

    otherwise: Receiver
    departments: Mapping[UUID, Receiver]
    heads: Mapping[UUID, UUID]
    come_from: UUID | None = None
    into: UUID | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """Where one customer goes; without an owner into the pool."""

    owner: UUID | None
    department: UUID | None


Places = Mapping[UUID, UUID | None]
"""Each department with the one above it."""


def plan_of(told: Mapping[str, Any]) -> Plan:
    """The plan of a fact."""
    return Plan(
        otherwise=_receiver(told["otherwise"]),
        departments={UUID(id): _receiver(one) for id, one in told["departments"].items()},
        heads={UUID(id): UUID(head) for id, head in told["heads"].items()},
        come_from=_uuid(told.get("from")),
        into=_uuid(told.get("into")),
    )


def given(
    plan: Plan,
    owner: UUID,
    department: UUID | None,
    above: Places,
    place_of: Callable[[UUID], UUID | None],
    works: Callable[[UUID], bool],
) -> Given:
    """Where a customer of this owner and department goes. Whoever does not work here any more when
    the time comes takes nothing over: it goes into the pool, where everybody sees that it waits."""
    way = list(_way_up(department, above))
    receiver = next((plan.departments[id] for id in way if id in plan.departments), plan.otherwise)
    match receiver.to:
        case "keep":
            return Given(owner, plan.into)
        case "person":
            taker = receiver.person
        case "department_head":
            taker = next(
                (head for id in way if (head := plan.heads.get(id)) is not None and works(head)),
                None,
            )
        case _:
            taker = None
    if taker is None or not works(taker):
        return Given(None, None)
    return Given(taker, place_of(taker))


def _way_up(department: UUID | None, above: Places) -> Iterator[UUID]:
    """A department and all above it; a circle would be somebody's mistake and ends all the same."""
    for _ in range(DEEPEST):
        if department is None:
            return
        yield department
        department = above.get(department)


def _receiver(said: list[str | None]) -> Receiver:
    return Receiver(str(said[0]), _uuid(said[1]))


def _uuid(text: str | None) -> UUID | None:
    return UUID(text) if text else None
