"""Everything that is done to a project. Who is on it is policy: it counts the version up."""

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
    """A project to be, or what is to become of one: there null leaves as it is."""

    name: str | None = None
    description: str | None = None
    lead: UserId | None = None
    ends_at: datetime | None = None


def create_project(session: Session, scope: Scope, draft: Draft, key: str | None) -> ProjectId:
    """Begin a project; whoever leads it is on it."""

    def run() -> dict[str, Any]:
        name = domain.name(draft.name or "")
        policy_version.hold(session)
        _refuse_twin(session, name)
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
        policy_version.record_change(
            session, "project", Entry(scope.actor, "create", "Project", str(id), changes)
        )
        return {"id": str(id)}

    request = [draft.name, draft.description, str(draft.lead), _text(draft.ends_at)]
    answer = run_idempotent(
        session, scope.actor.user_id, key, "createProject", run, request=request
    )
    return ProjectId(UUID(answer["id"]))


def update_project(
    session: Session, scope: Scope, id: ProjectId, draft: Draft, expected: int | None
) -> ProjectId:
    """Give a project another name, lead or end."""
    policy_version.hold(session)
    present = held(session, scope, id, expected)
    values: dict[str, object] = {}
    changes: dict[str, list[str | None]] = {}
    if draft.name is not None and (name := domain.name(draft.name)) != present.name:
        _refuse_twin(session, name)
        values["name"], changes["name"] = name, [present.name, name]
    if draft.description is not None:
        words = domain.description(draft.description)
        if words != present.description:
            values["description"], changes["description"] = words, ["***", "***"]
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
        policy_version.record_change(
            session, "project", Entry(scope.actor, "update", "Project", str(id), changes)
        )
    return id


def end_project(session: Session, scope: Scope, id: ProjectId, expected: int | None) -> ProjectId:
    """End a project now: nobody reaches anything by it any more. Twice is as once."""
    policy_version.hold(session)
    present = held(session, scope, id, expected)
    now = datetime.now(UTC)
    if present.ends_at is None or present.ends_at > now:
        store.change(session, id, ends_at=func.now())
        policy_version.record_change(
            session,
            "project",
            Entry(
                scope.actor,
                "end",
                "Project",
                str(id),
                {"ends_at": [_text(present.ends_at), _text(now)]},
            ),
        )
    return id


def add_members(
    session: Session,
    scope: Scope,
    id: ProjectId,
    people: Sequence[UserId],
    until: datetime | None,
) -> ProjectId:
    """Let people be on a project, until a day or as long as it lasts; also to change that day."""
    domain.refuse_many(len(people))
    until = domain.until(until, datetime.now(UTC))
    policy_version.hold(session)
    held(session, scope, id, None)
    for one in people:
        if not users.exists(session, one):
            raise BadInput(
                f"userIds has {one}, which is no user.",
                f"userIds 中的 {one} 不是用户。",
                field="userIds",
            )
    joined = store.join(session, id, sorted(set(people)), until)
    if joined:
        policy_version.record_change(
            session,
            "project",
            Entry(
                scope.actor,
                "add_members",
                "Project",
                str(id),
                _members(joined, 1) | {"until": [None, _text(until)]},
            ),
        )
    return id


def remove_members(
    session: Session, scope: Scope, id: ProjectId, people: Sequence[UserId]
) -> ProjectId:
    """Take people off a project. Who is not on it is not missed."""
    domain.refuse_many(len(people))
    policy_version.hold(session)
    held(session, scope, id, None)
    left = store.leave(session, id, people)
    if left:
        policy_version.record_change(
            session,
            "project",
            Entry(scope.actor, "remove_members", "Project", str(id), _members(left, 0)),
        )
    return id


def held(session: Session, scope: Scope, id: ProjectId, expected: int | None) -> ProjectRow:
    """The project, kept until the transaction ends. Raises `NotFound` or `Conflict`."""
    found = store.locked(session, scope, id)
    if found is None:
        raise NotFound(
            f"No project {id} exists that you may change.",
            f"未找到您可管理的项目 {id}。",
            field="id",
        )
    refuse_stale(found.version, expected)
    return found


def _refuse_lead(session: Session, scope: Scope, lead: UserId) -> None:
    """Who may only begin projects that they lead begins none for others."""
    if scope.action == "create" and not scope.sees(RowAccess(lead, None)):
        raise Denied(
            "You may begin projects that you lead yourself; leave leadId out.",
            "您只能创建由自己负责的项目，请省略 leadId。",
            field="leadId",
        )
    if not users.exists(session, lead):
        raise BadInput("leadId is no user.", "leadId 不是用户。", field="leadId")


def _refuse_twin(session: Session, name: str) -> None:
    if store.named(session, name):
        raise Conflict(
            f"There is a project {name!r} already; choose another name.",
            f"项目“{name}”已存在，请使用其他名称。",
            field="name",
        )


def _members(people: Sequence[UserId], at: int) -> dict[str, list[str | None]]:
    change: list[str | None] = [None, None]
    change[at] = ", ".join(sorted(map(str, people)))
    return {"members": change}


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
