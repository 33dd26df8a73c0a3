"""Bootstrap a company: what exists already stays, so running it twice changes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from chassis.audit import events as audit
from identity.bootstrap.domain import Company, Path, UserPlan, checked, paths
from identity.core.commands import policy_version
from identity.core.domain.ids import DepartmentId, UserId
from identity.core.store import policy as policies
from identity.people.domain.role import refuse_unknown
from identity.people.domain.user import Kind, display_name, username
from identity.people.store import department as departments, role as roles, user as users
from identity.policy.domain.starter import ROLES
from identity.policy.store import rule as rules
from identity.sign_in.domain import password


@dataclass(frozen=True, slots=True)
class Bootstrapped:
    """The ids of what a company consists of, and how many of them are new."""

    departments: dict[Path, DepartmentId]
    users: dict[str, UserId]
    created: int


def bootstrap(session: Session, company: Company) -> Bootstrapped:
    """Make sure that departments, starter roles with their rules, and users exist.

    What an administrator changed is left as it is: the tree is built only where there is none, a
    role that exists keeps its rules, a person who exists keeps everything. Only the password of a
    service user follows the settings, since those are where it is kept.
    """
    checked(company)
    policy_version.hold(session)
    tree, created = _departments(session, company)
    created += _starter_policy(session)
    people: dict[str, UserId] = {}
    for plan in company.users:
        people[plan.username], is_new = _user(session, plan, tree)
        created += is_new
    if created:
        version = policy_version.count_up(session, "company")
        audit.record(
            session, audit.Entry(None, "found", "Company", "company", policy_version=version)
        )
    return Bootstrapped(tree, people, created)


def _departments(session: Session, company: Company) -> tuple[dict[Path, DepartmentId], int]:
    wanted = list(paths(company.departments))
    found: dict[Path, DepartmentId] = {}
    build = not policies.snapshot(session).departments
    for path in wanted:
        above = found.get(path[:-1])
        if len(path) > 1 and above is None:
            continue
        id = departments.child(session, above, path[-1])
        if id is None and build:
            id = departments.add(session, path[-1], above)
        if id is not None:
            found[path] = id
    return found, len(found) if build else 0


def _starter_policy(session: Session) -> int:
    known = roles.names(session)
    fresh = [one for one in ROLES if one.name not in known]
    for one in fresh:
        known[one.name] = roles.add(session, one.name, one.description)
    for one in fresh:
        roles.inherit(session, known[one.name], one.inherits, known)
    rules.add_all(session, [rule for one in fresh for rule in one.rules()])
    return len(fresh)


def _user(session: Session, plan: UserPlan, tree: dict[Path, DepartmentId]) -> tuple[UserId, bool]:
    name = username(plan.username)
    known = users.credentials(session, name)
    if known is not None:
        if plan.kind is Kind.SERVICE and not password.matches(known.password_hash, plan.password):
            users.change(session, known.id, password_hash=password.hash_password(plan.password))
        return known.id, False
    all_roles = roles.names(session)
    refuse_unknown(plan.roles, list(all_roles), field="roles")
    id = users.add(
        session,
        username=name,
        display_name=display_name(plan.display_name),
        kind=plan.kind,
        department=tree.get(plan.department) if plan.department else None,
        password_hash=password.hash_password(plan.password),
    )
    users.give_roles(session, id, plan.roles, all_roles)
    return id, True
