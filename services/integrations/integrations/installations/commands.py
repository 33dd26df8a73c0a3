"""Setting up a source: install, change, pause, resume. A revision is kept of every change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from chassis.audit import events as audit
from chassis.errors import BadInput, Conflict, NotFound
from chassis.facts import outbox
from chassis.policy.scope import Scope
from integrations.core.domain.seal import Seal
from integrations.installations import store
from integrations.installations.store import InstallationRow, installation, installation_revision

SHORTEST_INTERVAL = 10
LONGEST_INTERVAL = 31 * 86400
LOWEST_PRIORITY = 1000


@dataclass(frozen=True, slots=True)
class Wanted:
    """How an installation shall be set up, already found to be well-formed."""

    name: str
    connector: str
    system: str
    configuration: Mapping[str, Any]
    credentials: Mapping[str, str] | None
    """`None` leaves the present ones."""
    interval_seconds: int | None
    priority: int


def check(name: str, interval_seconds: int | None, priority: int) -> None:
    """Raises `BadInput` for what no connector has to judge."""
    if not 1 <= len(name.strip()) <= 100:
        raise BadInput(
            f"name has {len(name.strip())} characters; 1 to 100 are allowed.",
            f"name 有 {len(name.strip())} 个字符，应为 1 到 100 个。",
            field="name",
        )
    if interval_seconds is not None and not (
        SHORTEST_INTERVAL <= interval_seconds <= LONGEST_INTERVAL
    ):
        raise BadInput(
            f"intervalSeconds is {interval_seconds}; it must be {SHORTEST_INTERVAL} to "
            f"{LONGEST_INTERVAL}, or null for no schedule.",
            f"intervalSeconds 为 {interval_seconds}，应在 {SHORTEST_INTERVAL} 到 "
            f"{LONGEST_INTERVAL} 之间；不需要定时同步时填 null。",
            field="intervalSeconds",
        )
    if not 0 <= priority <= LOWEST_PRIORITY:
        raise BadInput(
            f"priority is {priority}; it must be 0 to {LOWEST_PRIORITY}.",
            f"priority 为 {priority}，应在 0 到 {LOWEST_PRIORITY} 之间。",
            field="priority",
        )


def install(session: Session, scope: Scope, seal: Seal, wanted: Wanted) -> UUID:
    """A new installation. Raises `Conflict` when the name is taken."""
    me = scope.actor.user_id
    values = {
        "connector": wanted.connector,
        "system": wanted.system,
        "name": wanted.name.strip(),
        "configuration": dict(wanted.configuration),
        "priority": wanted.priority,
        "interval_seconds": wanted.interval_seconds,
        "next_due_at": _due(wanted.interval_seconds),
        "created_by": me,
    }
    try:
        with session.begin_nested():
            id: UUID = session.execute(
                insert(installation).values(values).returning(installation.c.id)
            ).scalar_one()
    except IntegrityError as problem:
        raise _taken(wanted.name) from problem
    _keep_credentials(session, seal, id, wanted.credentials or {})
    _keep_revision(session, id, 1, wanted, me, credentials_changed=bool(wanted.credentials))
    _tell(session, scope, "installation.created", id, {"connector": [None, wanted.connector]})
    return id


def change(
    session: Session,
    scope: Scope,
    seal: Seal,
    id: UUID,
    wanted: Wanted,
    expected_revision: int | None,
) -> UUID:
    """Another set-up for an installation. A run that goes on keeps the one it began with."""
    present = _present(session, scope, id, expected_revision)
    try:
        with session.begin_nested():
            session.execute(
                update(installation)
                .where(installation.c.id == id)
                .values(
                    name=wanted.name.strip(),
                    system=wanted.system,
                    configuration=dict(wanted.configuration),
                    priority=wanted.priority,
                    interval_seconds=wanted.interval_seconds,
                    next_due_at=_due(wanted.interval_seconds),
                    revision=present.revision + 1,
                    updated_at=func.now(),
                )
            )
    except IntegrityError as problem:
        raise _taken(wanted.name) from problem
    if wanted.credentials is not None:
        _keep_credentials(session, seal, id, wanted.credentials)
    _keep_revision(
        session,
        id,
        present.revision + 1,
        wanted,
        scope.actor.user_id,
        credentials_changed=wanted.credentials is not None,
    )
    revisions = {"revision": [present.revision, present.revision + 1]}
    _tell(session, scope, "installation.changed", id, revisions)
    return id


def set_state(
    session: Session, scope: Scope, id: UUID, state: str, expected_revision: int | None
) -> UUID:
    """Pause (nothing is scheduled) or resume (due at once, if there is a schedule)."""
    present = _present(session, scope, id, expected_revision)
    if present.state == state:
        return id
    due = _due(present.interval_seconds) if state == "ACTIVE" else None
    session.execute(
        update(installation)
        .where(installation.c.id == id)
        .values(state=state, next_due_at=due, updated_at=func.now())
    )
    name = "installation.paused" if state == "PAUSED" else "installation.resumed"
    _tell(session, scope, name, id, {"state": [present.state, state]})
    return id


def credentials(session: Session, seal: Seal, id: UUID) -> dict[str, str]:
    """The credentials in clear, for a connector that is about to use them and nobody else."""
    sealed = store.sealed_credentials(session, id)
    opened: dict[str, str] = seal.open(sealed, _place(id)) if sealed else {}
    return opened


def missing(id: UUID) -> NotFound:
    return NotFound(
        f"There is no installation {id}, or you may not see it.",
        f"没有编号为 {id} 的连接，或您无权查看。",
        field="id",
    )


def _present(
    session: Session, scope: Scope, id: UUID, expected_revision: int | None
) -> InstallationRow:
    present = store.locked(session, scope, id)
    if present is None:
        raise missing(id)
    if expected_revision is not None and expected_revision != present.revision:
        raise Conflict(
            f"The installation is at revision {present.revision}, not {expected_revision}; "
            "read it again and decide again.",
            f"该连接当前版本为 {present.revision}，而不是 {expected_revision}，请刷新后重试。",
            field="expectedRevision",
            version=present.revision,
        )
    return present


def _keep_credentials(session: Session, seal: Seal, id: UUID, said: Mapping[str, str]) -> None:
    session.execute(
        update(installation)
        .where(installation.c.id == id)
        .values(
            credentials=seal.close(dict(said), _place(id)) if said else None,
            credential_names=sorted(said),
            credentials_changed_at=func.now(),
        )
    )


def _keep_revision(
    session: Session,
    id: UUID,
    revision: int,
    wanted: Wanted,
    me: UUID,
    *,
    credentials_changed: bool,
) -> None:
    session.execute(
        insert(installation_revision).values(
            installation_id=id,
            revision=revision,
            name=wanted.name.strip(),
            configuration=dict(wanted.configuration),
            interval_seconds=wanted.interval_seconds,
            priority=wanted.priority,
            credentials_changed=int(credentials_changed),
            changed_by=me,
        )
    )


def _tell(session: Session, scope: Scope, what: str, id: UUID, changes: dict[str, Any]) -> None:
    outbox.record(session, outbox.Fact(what, str(id), {"id": str(id)}))
    audit.record(
        session,
        audit.Entry(
            scope.actor,
            what,
            "Installation",
            str(id),
            changes=changes,
            policy_version=scope.version,
        ),
    )


def _due(interval_seconds: int | None) -> Any:
    return func.now() if interval_seconds else None


def _place(id: UUID) -> str:
    return f"installation.credentials|{id}"


def _taken(name: str) -> Conflict:
    return Conflict(
        f"An installation is called {name!r} already; choose another name.",
        f"名称 {name!r} 已被使用，请换一个。",
        field="name",
    )
