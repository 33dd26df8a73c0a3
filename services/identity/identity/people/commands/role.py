"""Everything that is done to a role itself; who has it is done to users."""

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
    """Add a role, to be given rights by rules."""

    def run() -> dict[str, Any]:
        accepted, words = domain.name(name), _description(description)
        policy_version.hold(session)
        known = store.names(session)
        if accepted in known:
            raise Conflict(
                f"There is a role {accepted!r} already; choose another name.",
                f"角色 {accepted!r} 已存在，请使用其他名称。",
                field="name",
            )
        domain.refuse_unknown(inherits, list(known), field="inherits")
        domain.refuse_circle(store.inheritance(session) | {accepted: tuple(inherits)})
        id = store.add(session, accepted, words)
        store.inherit(session, id, inherits, known)
        changes = {"name": [None, accepted], "inherits": [None, ", ".join(sorted(inherits))]}
        policy_version.record_change(
            session, "role", Entry(scope.actor, "create", "Role", str(id), changes)
        )
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
    """Describe a role otherwise, or let it inherit from others."""
    policy_version.hold(session)
    present = store.locked(session, id)
    if present is None:
        raise NotFound(f"No role {id} exists.", f"未找到角色 {id}。", field="id")
    refuse_stale(present.version, expected)
    changes: dict[str, list[str]] = {}
    if description is not None and (words := _description(description)) != present.description:
        store.change(session, id, description=words)
        changes["description"] = [present.description, words]
    if inherits is not None and set(inherits) != set(present.inherits):
        known = store.names(session)
        domain.refuse_unknown(inherits, list(known), field="inherits")
        domain.refuse_circle(store.inheritance(session) | {present.name: tuple(inherits)})
        store.inherit(session, id, inherits, known)
        if not changes:
            store.change(session, id)
        changes["inherits"] = [", ".join(present.inherits), ", ".join(sorted(set(inherits)))]
        lockout.refuse_lockout(session, scope.actor, field="inherits")
    if changes:
        policy_version.record_change(
            session, "role", Entry(scope.actor, "update", "Role", str(id), changes)
        )
    return id


def _description(text: str) -> str:
    return optional(text, field="description", longest=domain.LONGEST_DESCRIPTION)
