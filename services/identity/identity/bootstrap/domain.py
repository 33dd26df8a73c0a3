"""The company to bootstrap: its departments, people and service users."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chassis.errors import BadInput
from identity.people.domain import department, user
from identity.people.domain.user import Kind


@dataclass(frozen=True)
class DepartmentPlan:
    """A department with the departments below it."""

    name: str
    below: tuple[DepartmentPlan, ...] = ()


@dataclass(frozen=True)
class UserPlan:
    """A user who can sign in. `department` is a path of names: `("华东", "销售一部")`."""

    username: str
    display_name: str
    password: str
    roles: tuple[str, ...]
    department: tuple[str, ...] = ()
    kind: Kind = Kind.PERSON


@dataclass(frozen=True)
class Company:
    """The departments and users of a first start."""

    departments: tuple[DepartmentPlan, ...] = ()
    users: tuple[UserPlan, ...] = ()


Path = tuple[str, ...]


def paths(departments: tuple[DepartmentPlan, ...], above: Path = ()) -> Iterator[Path]:
    """Yield the path of every department, each after the one above it. Raises `BadInput`."""
    for plan in departments:
        path = (*above, department.name(plan.name, field="departments"))
        yield path
        yield from paths(plan.below, path)


def checked(company: Company) -> Company:
    """Return the company. Raises `BadInput` for wrong names and missing departments."""
    existing = set(paths(company.departments))
    for plan in company.users:
        user.username(plan.username)
        user.display_name(plan.display_name)
        if plan.department and plan.department not in existing:
            raise BadInput(
                f"department of {plan.username} is {' / '.join(plan.department)}, which is not "
                "among the departments.",
                f"用户 {plan.username} 所属部门 {' / '.join(plan.department)} 不存在。",
                field="department",
            )
    return company
