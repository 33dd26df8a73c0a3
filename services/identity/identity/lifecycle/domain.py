"""Handover plans: who takes over the customers and tasks of a user who leaves or changes job.

A plan names kinds of receivers (a person, the head of the department, the pool) and goes out with
the fact, so that every service hands over its own rows by the same rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from chassis.errors import BadInput
from identity.core.domain.ids import DepartmentId, UserId

MOST_DEPARTMENTS = 500


class Kind(Enum):
    """The reason for a handover."""

    LEAVES = "leaves"
    CHANGES_JOB = "changes_job"


class To(Enum):
    """The kind of receiver."""

    PERSON = "person"
    DEPARTMENT_HEAD = "department_head"
    POOL = "pool"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who takes over; `person` is set only with `To.PERSON`."""

    to: To
    person: UserId | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The receivers by department.

    The nearest named department above a customer counts, `otherwise` where there is none.
    """

    otherwise: Receiver
    departments: tuple[tuple[DepartmentId, Receiver], ...] = ()

    @property
    def receivers(self) -> tuple[Receiver, ...]:
        """Return all receivers, the general one first."""
        return (self.otherwise, *(receiver for _, receiver in self.departments))

    @property
    def people(self) -> frozenset[UserId]:
        """Return the users whom the plan names."""
        return frozenset(
            receiver.person for receiver in self.receivers if receiver.person is not None
        )


def refuse_wrong(plan: Plan, kind: Kind, user_id: UserId) -> None:
    """Raise `BadInput` for a plan that cannot be carried out for this user."""
    if len(plan.departments) > MOST_DEPARTMENTS:
        raise _wrong(f"names more than {MOST_DEPARTMENTS} departments", "指定的部门过多")
    if len({id for id, _ in plan.departments}) < len(plan.departments):
        raise _wrong("names a department twice", "重复指定了同一部门")
    for receiver in plan.receivers:
        if (receiver.to is To.PERSON) != (receiver.person is not None):
            raise _wrong(
                "needs a userId with PERSON, and only there", "仅在 PERSON 时须提供 userId"
            )
        if receiver.person == user_id:
            raise _wrong("names the user who leaves or changes job", "不能交接给本人")
        if receiver.to is To.KEEP and kind is Kind.LEAVES:
            raise _wrong("says KEEP, which is for a change of job only", "离职人员不能保留客户")


def fact_body(plan: Plan, heads: Mapping[DepartmentId, UserId]) -> dict[str, Any]:
    """Return the plan as the fact carries it, with the present heads of departments."""
    needs_heads = any(receiver.to is To.DEPARTMENT_HEAD for receiver in plan.receivers)
    return {
        "otherwise": _receiver(plan.otherwise),
        "departments": {str(id): _receiver(receiver) for id, receiver in plan.departments},
        "heads": {str(id): str(head) for id, head in heads.items()} if needs_heads else {},
    }


def _receiver(receiver: Receiver) -> list[str | None]:
    return [receiver.to.value, str(receiver.person) if receiver.person else None]


def refuse_inactive(people: Sequence[UserId], working: frozenset[UserId]) -> None:
    """Raise `BadInput` if one of the people does not work here now."""
    missing = [id for id in people if id not in working]
    if missing:
        raise _wrong(
            f"names {missing[0]}, who is no active colleague",
            f"指定的 {missing[0]} 不是在职同事",
        )


def _wrong(en: str, zh: str) -> BadInput:
    return BadInput(f"handover {en}; correct it.", f"handover {zh}，请更正。", field="handover")
