"""Create, change and end projects and their memberships.

Membership is part of the policy, so every change counts the policy version up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.orm import Session

from chassis.audit.events import Entry
from chassis.errors import BadInput, Conflict, Denied, NotFound
from chassis.idempotency import run_idempotent
from chassis.policy.row_scopes import RowAccess
from chassis.policy.scope import Scope
from identity.core.commands import policy_version
from identity.core.domain.ids import ProjectId, UserId
from identity.core.domain.version import refuse_stale
from identity.people.domain import project as domain
from identity.people.store import project as store, user as users
from identity.people.store.project import ProjectRow


@dataclass(frozen=True, slots=True)
class Draft:
    """The values of a new project, or the changes of one, where `None` leaves a value as it is."""

    name: str | None = None
    description: str | None = None
    lead: UserId | None = None
    ends_at: datetime | None = None


def create_project(session: Session, scope: Scope, draft: Draft, key: str | None) -> ProjectId:
    """Create a project, of which its lead is a member, and return its id."""

    def run() -> dict[str, Any]:
        name = domain.name(draft.name or "")
        policy_version.hold(session)
        _refuse_name_in_use(session, name)
        lead = draft.lead or UserId(scope.actor.user_id)
        _refuse_lead(session, scope, lead)
        ends_at = domain.ends_at(draft.ends_at, datetime.now(UTC))
        id = store.add(
            session,
            name=name,
            description=domain.description(draft.description),
            lead_id=lead,
            ends_at=ends_at,
        )
        store.join(session, id, [lead], None)
        changes = {
            "name": [None, name],
            "lead": [None, str(lead)],
            "ends_at": [None, _text(ends_at)],
        }
        entry = Entry(scope.actor, "create", "Project", str(id), changes)
        policy_version.record_change(session, "project", entry)
        return {"id": str(id)}

    request = [draft.name, draft.description, str(draft.lead), _text(draft.ends_at)]
    answer = run_idempotent(
        session, scope.actor.user_id, key, "createProject", run, request=request
    )
    return ProjectId(UUID(answer["id"]))


def update_project(
    session: Session, scope: Scope, id: ProjectId, draft: Draft, expected: int | None
) -> ProjectId:
    """Change name, description, lead or end of a project. Raises `NotFound` and `Conflict`."""
    policy_version.hold(session)
    present = held(session, scope, id, expected)
    values: dict[str, object] = {}
    changes: dict[str, list[str | None]] = {}
    if draft.name is not None and (name := domain.name(draft.name)) != present.name:
        _refuse_name_in_use(session, name)
        values["name"], changes["name"] = name, [present.name, name]
    if draft.description is not None:
        description = domain.description(draft.description)
        if description != present.description:
            values["description"], changes["description"] = description, ["***", "***"]
    if draft.lead is not None and draft.lead != present.lead:
        _refuse_lead(session, scope, draft.lead)
        values["lead_id"] = draft.lead
        changes["lead"] = [str(present.lead) if present.lead else None, str(draft.lead)]
        store.join(session, id, [draft.lead], None)
    if draft.ends_at is not None:
        ends_at = domain.ends_at(draft.ends_at, datetime.now(UTC))
        if ends_at != present.ends_at:
            values["ends_at"] = ends_at
            changes["ends_at"] = [_text(present.ends_at), _text(ends_at)]
    if changes:
        store.change(session, id, **values)
        entry = Entry(scope.actor, "update", "Project", str(id), changes)
        policy_version.record_change(session, "project", entry)
    return id


def end_project(session: Session, scope: Scope, id: ProjectId, expected: int | None) -> ProjectId:
    """End a project now, so that it gives no access any more; nothing happens if it has ended."""
    policy_version.hold(session)
    present = held(session, scope, id, expected)
    now = datetime.now(UTC)
    if present.ends_at is None or present.ends_at > now:
        store.change(session, id, ends_at=func.now())
        changes = {"ends_at": [_text(present.ends_at), _text(now)]}
        entry = Entry(scope.actor, "end", "Project", str(id), changes)
        policy_version.record_change(session, "project", entry)
    return id


def add_members(
    session: Session,
    scope: Scope,
    id: ProjectId,
    members: Sequence[UserId],
    until: datetime | None,
) -> ProjectId:
    """Add members until a moment or as long as the project lasts, or change that moment."""
    domain.refuse_many(len(members))
    until = domain.until(until, datetime.now(UTC))
    policy_version.hold(session)
    held(session, scope, id, None)
    for member in members:
        if not users.exists(session, member):
            raise BadInput(
                f"userIds has {member}, which is no user; remove it.",
                f"userIds 中的 {member} 不是用户，请移除。",
                field="userIds",
            )
    joined = store.join(session, id, sorted(set(members)), until)
    if joined:
        changes = _member_changes(joined, after=True) | {"until": [None, _text(until)]}
        entry = Entry(scope.actor, "add_members", "Project", str(id), changes)
        policy_version.record_change(session, "project", entry)
    return id


def remove_members(
    session: Session, scope: Scope, id: ProjectId, members: Sequence[UserId]
) -> ProjectId:
    """Remove members from a project; ids that are no members are ignored."""
    domain.refuse_many(len(members))
    policy_version.hold(session)
    held(session, scope, id, None)
    removed = store.leave(session, id, members)
    if removed:
        changes = _member_changes(removed, after=False)
        entry = Entry(scope.actor, "remove_members", "Project", str(id), changes)
        policy_version.record_change(session, "project", entry)
    return id


def held(session: Session, scope: Scope, id: ProjectId, expected: int | None) -> ProjectRow:
    """Return the project, locked until the transaction ends. Raises `NotFound` or `Conflict`."""
    row = store.locked(session, scope, id)
    if row is None:
        raise NotFound(
            f"No project {id} exists that you may change.",
            f"未找到您可管理的项目 {id}。",
            field="id",
        )
    refuse_stale(row.version, expected)
    return row


def _refuse_lead(session: Session, scope: Scope, lead: UserId) -> None:
    """Raise for a lead who does not exist, or whom the caller may not set.

    A caller who may only create projects that they lead creates none for others.
    """
    if scope.action == "create" and not scope.sees(RowAccess(lead, None)):
        raise Denied(
            "leadId is another user, and you may create only projects that you lead; leave it out.",
            "您只能创建由自己负责的项目，请省略 leadId。",
            field="leadId",
        )
    if not users.exists(session, lead):
        raise BadInput(
            "leadId is no user; choose an existing user.",
            "leadId 不是用户，请选择现有用户。",
            field="leadId",
        )


def _refuse_name_in_use(session: Session, name: str) -> None:
    if store.named(session, name):
        raise Conflict(
            f"There is a project {name!r} already; choose another name.",
            f"项目“{name}”已存在，请使用其他名称。",
            field="name",
        )


def _member_changes(members: Sequence[UserId], *, after: bool) -> dict[str, list[str | None]]:
    ids = ", ".join(sorted(map(str, members)))
    return {"members": [None, ids] if after else [ids, None]}


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
