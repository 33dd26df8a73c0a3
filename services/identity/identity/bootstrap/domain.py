"""A company as it is founded: its departments, its people, and the parts of the system that sign in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chassis.errors import BadInput
from identity.people.domain import department, user
from identity.people.domain.user import Kind


@dataclass(frozen=True)
class DepartmentPlan:
    """A department with those below it."""

    name: str
    below: tuple[DepartmentPlan, ...] = ()


@dataclass(frozen=True)
class UserPlan:
    """Somebody who can sign in. `department` is a path of names: `("华东", "销售一部")`."""

    username: str
    display_name: str
    password: str
    roles: tuple[str, ...]
    department: tuple[str, ...] = ()
    kind: Kind = Kind.PERSON


@dataclass(frozen=True)
class Company:
    """Everything a first start needs."""

    departments: tuple[DepartmentPlan, ...] = ()
    users: tuple[UserPlan, ...] = ()


Path = tuple[str, ...]


def paths(departments: tuple[DepartmentPlan, ...], above: Path = ()) -> Iterator[Path]:
    """Every department by its path, each after the one above it."""
    for one in departments:
        path = (*above, department.name(one.name, field="departments"))
        yield path
        yield from paths(one.below, path)


def checked(company: Company) -> Company:
    """The company, if it can be founded; otherwise `BadInput` says what is wrong."""
    known = set(paths(company.departments))
    for plan in company.users:
        user.username(plan.username)
        user.display_name(plan.display_name)
        if plan.department and plan.department not in known:
            raise BadInput(
                f"{plan.username} is of department {' / '.join(plan.department)}, "
                "which the company does not have.",
                f"用户 {plan.username} 所属部门 {' / '.join(plan.department)} 不存在。",
                field="department",
            )
    return company
