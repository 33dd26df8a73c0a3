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
    """The ids of the departments and users of a company, and how many things are new."""

    departments: dict[Path, DepartmentId]
    users: dict[str, UserId]
    created: int


def bootstrap(session: Session, company: Company) -> Bootstrapped:
    """Make sure that departments, starter roles with their rules, and users exist.

    Changes of administrators stay: the tree is built only where there is none, a role that exists
    keeps its rules, a person who exists keeps everything. Only the password of a service user
    follows the settings, since the settings are its source. Raises `BadInput`.
    """
    checked(company)
    policy_version.hold(session)
    tree, created = _departments(session, company)
    created += _starter_policy(session)
    user_ids: dict[str, UserId] = {}
    for plan in company.users:
        user_ids[plan.username], is_new = _user(session, plan, tree)
        created += is_new
    if created:
        entry = audit.Entry(None, "found", "Company", "company")
        policy_version.record_change(session, "company", entry)
    return Bootstrapped(tree, user_ids, created)


def _departments(session: Session, company: Company) -> tuple[dict[Path, DepartmentId], int]:
    planned = list(paths(company.departments))
    tree: dict[Path, DepartmentId] = {}
    build = not policies.snapshot(session).departments
    for path in planned:
        above = tree.get(path[:-1])
        if len(path) > 1 and above is None:
            continue
        id = departments.child(session, above, path[-1])
        if id is None and build:
            id = departments.add(session, path[-1], above)
        if id is not None:
            tree[path] = id
    return tree, len(tree) if build else 0


def _starter_policy(session: Session) -> int:
    role_ids = roles.names(session)
    missing = [role for role in ROLES if role.name not in role_ids]
    for role in missing:
        role_ids[role.name] = roles.add(session, role.name, role.description)
    for role in missing:
        roles.inherit(session, role_ids[role.name], role.inherits, role_ids)
    rules.add_all(session, [rule for role in missing for rule in role.rules()])
    return len(missing)


def _user(session: Session, plan: UserPlan, tree: dict[Path, DepartmentId]) -> tuple[UserId, bool]:
    name = username(plan.username)
    present = users.credentials(session, name)
    if present is not None:
        if plan.kind is Kind.SERVICE and not password.matches(present.password_hash, plan.password):
            users.change(session, present.id, password_hash=password.hash_password(plan.password))
        return present.id, False
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
