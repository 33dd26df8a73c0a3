"""Create and change roles. Which user has which role is a change of the user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.audit.events import Entry
from chassis.errors import Conflict, NotFound
from chassis.idempotency import run_idempotent
from chassis.policy.scope import Scope
from identity.core.commands import policy_version
from identity.core.domain.ids import RoleId
from identity.core.domain.text import optional
from identity.core.domain.version import refuse_stale
from identity.people.commands import lockout
from identity.people.domain import role as domain
from identity.people.store import role as store


def create_role(
    session: Session,
    scope: Scope,
    name: str,
    description: str,
    inherits: Sequence[str],
    key: str | None = None,
) -> RoleId:
    """Create a role, which rules can give rights to, and return its id."""

    def run() -> dict[str, Any]:
        accepted, text = domain.name(name), _description(description)
        policy_version.hold(session)
        ids = store.names(session)
        if accepted in ids:
            raise Conflict(
                f"There is a role {accepted!r} already; choose another name.",
                f"角色 {accepted!r} 已存在，请使用其他名称。",
                field="name",
            )
        domain.refuse_unknown(inherits, list(ids), field="inherits")
        domain.refuse_circle(store.inheritance(session) | {accepted: tuple(inherits)})
        id = store.add(session, accepted, text)
        store.inherit(session, id, inherits, ids)
        changes = {"name": [None, accepted], "inherits": [None, ", ".join(sorted(inherits))]}
        entry = Entry(scope.actor, "create", "Role", str(id), changes)
        policy_version.record_change(session, "role", entry)
        return {"id": str(id)}

    request = [name, description, sorted(inherits)]
    answer = run_idempotent(session, scope.actor.user_id, key, "createRole", run, request=request)
    return RoleId(UUID(answer["id"]))


def update_role(
    session: Session,
    scope: Scope,
    id: RoleId,
    *,
    description: str | None,
    inherits: Sequence[str] | None,
    expected: int | None,
) -> RoleId:
    """Change the description of a role or the roles it inherits from. Raises `NotFound`."""
    policy_version.hold(session)
    present = store.locked(session, id)
    if present is None:
        raise NotFound(f"No role {id} exists.", f"未找到角色 {id}。", field="id")
    refuse_stale(present.version, expected)
    changes: dict[str, list[str]] = {}
    if description is not None and (text := _description(description)) != present.description:
        store.change(session, id, description=text)
        changes["description"] = [present.description, text]
    if inherits is not None and set(inherits) != set(present.inherits):
        ids = store.names(session)
        domain.refuse_unknown(inherits, list(ids), field="inherits")
        domain.refuse_circle(store.inheritance(session) | {present.name: tuple(inherits)})
        store.inherit(session, id, inherits, ids)
        if not changes:
            store.change(session, id)
        changes["inherits"] = [", ".join(present.inherits), ", ".join(sorted(set(inherits)))]
        lockout.refuse_lockout(session, scope.actor, field="inherits")
    if changes:
        entry = Entry(scope.actor, "update", "Role", str(id), changes)
        policy_version.record_change(session, "role", entry)
    return id


def _description(text: str) -> str:
    return optional(text, field="description", longest=domain.LONGEST_DESCRIPTION)
