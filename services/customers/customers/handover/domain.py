"""Decide which user takes over a customer, by the plan that identity writes into its fact."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

DEEPEST = 64


@dataclass(frozen=True, slots=True)
class Receiver:
    """A receiver in the words of the plan: `to` is keep, person, department_head or pool."""

    to: str
    person: UUID | None


@dataclass(frozen=True, slots=True)
class Plan:
    """The receivers by department, of which the nearest one above counts, and the department heads.

    Of a user who only moves, customers of the department they `come_from` are handed over, and
    those they keep move `into` the new department.
    """

    otherwise: Receiver
    departments: Mapping[UUID, Receiver]
    heads: Mapping[UUID, UUID]
    come_from: UUID | None = None
    into: UUID | None = None


@dataclass(frozen=True, slots=True)
class Destination:
    """The new owner and department of a customer; without an owner it goes into the pool."""

    owner: UUID | None
    department: UUID | None


Places = Mapping[UUID, UUID | None]
"""Each department with the one above it."""


def plan_of(body: Mapping[str, Any]) -> Plan:
    """Read the plan of a fact."""
    return Plan(
        otherwise=_receiver(body["otherwise"]),
        departments={UUID(id): _receiver(receiver) for id, receiver in body["departments"].items()},
        heads={UUID(id): UUID(head) for id, head in body["heads"].items()},
        come_from=_uuid(body.get("from")),
        into=_uuid(body.get("into")),
    )


def decide(
    plan: Plan,
    owner: UUID,
    department: UUID | None,
    above: Places,
    place_of: Callable[[UUID], UUID | None],
    works: Callable[[UUID], bool],
) -> Destination:
    """Decide where a customer of this owner and department goes.

    A receiver who has left the enterprise by now takes nothing over: the customer goes into the
    pool, where it is seen to wait for an owner. `place_of` returns a user's department, `works`
    checks whether a user is active.
    """
    departments = list(_departments_upwards(department, above))
    receiver = next(
        (plan.departments[id] for id in departments if id in plan.departments), plan.otherwise
    )
    match receiver.to:
        case "keep":
            return Destination(owner, plan.into)
        case "person":
            new_owner = receiver.person
        case "department_head":
            heads = (plan.heads.get(id) for id in departments)
            new_owner = next((head for head in heads if head is not None and works(head)), None)
        case _:
            new_owner = None
    if new_owner is None or not works(new_owner):
        return Destination(None, None)
    return Destination(new_owner, place_of(new_owner))


def _departments_upwards(department: UUID | None, above: Places) -> Iterator[UUID]:
    """Yield a department and all above it; a circle, a data error, ends at a limit."""
    for _ in range(DEEPEST):
        if department is None:
            return
        yield department
        department = above.get(department)


def _receiver(pair: list[str | None]) -> Receiver:
    return Receiver(str(pair[0]), _uuid(pair[1]))


def _uuid(text: str | None) -> UUID | None:
    return UUID(text) if text else None
