"""Who takes over what somebody leaves behind, when they leave or change their job.

The plan is made here in words (a person, the head of the department, the pool) and goes out with the
fact, so that every service hands over its own rows by the same rule.
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
    """Why things are handed over."""

    LEAVES = "leaves"
    CHANGES_JOB = "changes_job"


class To(Enum):
    """To whom."""

    PERSON = "person"
    DEPARTMENT_HEAD = "department_head"
    POOL = "pool"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who takes over; `person` only with `To.PERSON`."""

    to: To
    person: UserId | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Who takes over: by the department of a customer, the nearest that is named, or otherwise."""

    otherwise: Receiver
    departments: tuple[tuple[DepartmentId, Receiver], ...] = ()

    @property
    def receivers(self) -> tuple[Receiver, ...]:
        return (self.otherwise, *(receiver for _, receiver in self.departments))

    @property
    def people(self) -> frozenset[UserId]:
        return frozenset(one.person for one in self.receivers if one.person is not None)


def refuse_wrong(plan: Plan, kind: Kind, whose: UserId) -> None:
    """Raise `BadInput` for a plan that could not be carried out."""
    if len(plan.departments) > MOST_DEPARTMENTS:
        raise _wrong(f"names more than {MOST_DEPARTMENTS} departments", "指定的部门过多")
    if len({id for id, _ in plan.departments}) < len(plan.departments):
        raise _wrong("names a department twice", "重复指定了同一部门")
    for one in plan.receivers:
        if (one.to is To.PERSON) != (one.person is not None):
            raise _wrong("has a userId exactly where it says PERSON", "仅在 PERSON 时须提供 userId")
        if one.person == whose:
            raise _wrong("names the user themselves", "不能交接给本人")
        if one.to is To.KEEP and kind is Kind.LEAVES:
            raise _wrong("says KEEP, which somebody who leaves cannot", "离职人员不能保留客户")


def told(plan: Plan, heads: Mapping[DepartmentId, UserId]) -> dict[str, Any]:
    """The plan as the fact carries it, with the heads of departments as they are now."""
    asked = any(one.to is To.DEPARTMENT_HEAD for one in plan.receivers)
    return {
        "otherwise": _receiver(plan.otherwise),
        "departments": {str(id): _receiver(one) for id, one in plan.departments},
        "heads": {str(id): str(head) for id, head in heads.items()} if asked else {},
    }


def _receiver(one: Receiver) -> list[str | None]:
    return [one.to.value, str(one.person) if one.person else None]


def refuse_strangers(people: Sequence[UserId], working: frozenset[UserId]) -> None:
    """Only colleagues who work here now take over."""
    missing = [one for one in people if one not in working]
    if missing:
        raise _wrong(
            f"names {missing[0]}, who is no colleague that works here now",
            f"指定的 {missing[0]} 不是在职同事",
        )


def _wrong(en: str, zh: str) -> BadInput:
    return BadInput(f"handover {en}; correct it.", f"handover {zh}，请更正。", field="handover")
