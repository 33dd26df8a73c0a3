"""Install a source, change its set-up, pause and resume it; changes are stored as revisions."""

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
from chassis.policy.scope import Scope
from integrations.core.domain.seal import Seal
from integrations.installations import store
from integrations.installations.store import InstallationRow, installation, installation_revision

SHORTEST_INTERVAL = 10
LONGEST_INTERVAL = 31 * 86400
LOWEST_PRIORITY = 1000


@dataclass(frozen=True, slots=True)
class SetUp:
    """The set-up of an installation, already validated."""

    name: str
    connector: str
    system: str
    configuration: Mapping[str, Any]
    credentials: Mapping[str, str] | None
    """`None` keeps the stored ones."""
    interval_seconds: int | None
    priority: int


def check_set_up(name: str, interval_seconds: int | None, priority: int) -> None:
    """Refuse values that are invalid for every connector. Raises `BadInput`."""
    length = len(name.strip())
    if not 1 <= length <= 100:
        raise BadInput(
            f"name has {length} characters; 1 to 100 are allowed.",
            f"name 有 {length} 个字符，应为 1 到 100 个。",
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


def install(session: Session, scope: Scope, seal: Seal, set_up: SetUp) -> UUID:
    """Create an installation and return its id. Raises `Conflict` for a name in use."""
    user_id = scope.actor.user_id
    values = {
        "connector": set_up.connector,
        "system": set_up.system,
        "name": set_up.name.strip(),
        "configuration": dict(set_up.configuration),
        "priority": set_up.priority,
        "interval_seconds": set_up.interval_seconds,
        "next_due_at": _first_due(set_up.interval_seconds),
        "created_by": user_id,
    }
    try:
        with session.begin_nested():
            id: UUID = session.execute(
                insert(installation).values(values).returning(installation.c.id)
            ).scalar_one()
    except IntegrityError as problem:
        raise _name_conflict(set_up.name) from problem
    _store_credentials(session, seal, id, set_up.credentials or {})
    _store_revision(session, id, 1, set_up, user_id, credentials_changed=bool(set_up.credentials))
    _record_change(
        session, scope, "installation.created", id, {"connector": [None, set_up.connector]}
    )
    return id


def change(
    session: Session,
    scope: Scope,
    seal: Seal,
    id: UUID,
    set_up: SetUp,
    expected_revision: int | None,
) -> UUID:
    """Replace the set-up of an installation; an active run continues with the one it started with.

    Raises `NotFound`, or `Conflict` for another revision or a name in use.
    """
    present = _lock(session, scope, id, expected_revision)
    try:
        with session.begin_nested():
            session.execute(
                update(installation)
                .where(installation.c.id == id)
                .values(
                    name=set_up.name.strip(),
                    system=set_up.system,
                    configuration=dict(set_up.configuration),
                    priority=set_up.priority,
                    interval_seconds=set_up.interval_seconds,
                    next_due_at=_first_due(set_up.interval_seconds),
                    revision=present.revision + 1,
                    updated_at=func.now(),
                )
            )
    except IntegrityError as problem:
        raise _name_conflict(set_up.name) from problem
    if set_up.credentials is not None:
        _store_credentials(session, seal, id, set_up.credentials)
    _store_revision(
        session,
        id,
        present.revision + 1,
        set_up,
        scope.actor.user_id,
        credentials_changed=set_up.credentials is not None,
    )
    revisions = {"revision": [present.revision, present.revision + 1]}
    _record_change(session, scope, "installation.changed", id, revisions)
    return id


def set_state(
    session: Session, scope: Scope, id: UUID, state: str, expected_revision: int | None
) -> UUID:
    """Pause (nothing is scheduled) or resume (due at once, if there is a schedule).

    Raises `NotFound`, or `Conflict` for another revision.
    """
    present = _lock(session, scope, id, expected_revision)
    if present.state == state:
        return id
    next_due_at = _first_due(present.interval_seconds) if state == "ACTIVE" else None
    session.execute(
        update(installation)
        .where(installation.c.id == id)
        .values(state=state, next_due_at=next_due_at, updated_at=func.now())
    )
    action = "installation.paused" if state == "PAUSED" else "installation.resumed"
    _record_change(session, scope, action, id, {"state": [present.state, state]})
    return id


def credentials(session: Session, seal: Seal, id: UUID) -> dict[str, str]:
    """Return the credentials in clear, for immediate use by a connector only. Raises `Broken`."""
    sealed = store.sealed_credentials(session, id)
    opened: dict[str, str] = seal.open(sealed, _associated_data(id)) if sealed else {}
    return opened


def missing(id: UUID) -> NotFound:
    """Return the error for an installation that does not exist or is outside the scope."""
    return NotFound(
        f"There is no installation {id}, or you may not see it.",
        f"没有编号为 {id} 的连接，或您无权查看。",
        field="id",
    )


def _lock(
    session: Session, scope: Scope, id: UUID, expected_revision: int | None
) -> InstallationRow:
    present = store.locked(session, scope, id)
    if present is None:
        raise missing(id)
    if expected_revision is not None and expected_revision != present.revision:
        raise Conflict(
            f"expectedRevision is {expected_revision}, but the installation was changed and is at "
            f"revision {present.revision}; reload it.",
            f"expectedRevision 为 {expected_revision}，但该连接已被修改，当前版本为 "
            f"{present.revision}，请刷新后重试。",
            field="expectedRevision",
            version=present.revision,
        )
    return present


def _store_credentials(
    session: Session, seal: Seal, id: UUID, credentials: Mapping[str, str]
) -> None:
    session.execute(
        update(installation)
        .where(installation.c.id == id)
        .values(
            credentials=seal.close(dict(credentials), _associated_data(id))
            if credentials
            else None,
            credential_names=sorted(credentials),
            credentials_changed_at=func.now(),
        )
    )


def _store_revision(
    session: Session,
    id: UUID,
    revision: int,
    set_up: SetUp,
    user_id: UUID,
    *,
    credentials_changed: bool,
) -> None:
    session.execute(
        insert(installation_revision).values(
            installation_id=id,
            revision=revision,
            name=set_up.name.strip(),
            configuration=dict(set_up.configuration),
            interval_seconds=set_up.interval_seconds,
            priority=set_up.priority,
            credentials_changed=int(credentials_changed),
            changed_by=user_id,
        )
    )


def _record_change(
    session: Session, scope: Scope, action: str, id: UUID, changes: dict[str, Any]
) -> None:
    audit.record(
        session,
        audit.Entry(
            scope.actor,
            action,
            "Installation",
            str(id),
            changes=changes,
            policy_version=scope.version,
        ),
    )


def _first_due(interval_seconds: int | None) -> Any:
    return func.now() if interval_seconds else None


def _associated_data(id: UUID) -> str:
    return f"installation.credentials|{id}"


def _name_conflict(name: str) -> Conflict:
    return Conflict(
        f"The name {name!r} is already used by another installation; choose a different one.",
        f"名称 {name!r} 已被其他连接使用，请换一个。",
        field="name",
    )
