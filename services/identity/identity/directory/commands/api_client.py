"""Giving keys to programs, trading a key for a session, and taking it away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from chassis.actor import Actor
from chassis.audit import events as audit
from chassis.errors import BadInput, Denied, NotFound, Unauthenticated
from chassis.policy.scope import Scope
from identity.core.domain.ids import ApiClientId, SessionId, UserId
from identity.directory.domain import api_client as domain
from identity.directory.domain.api_client import Door
from identity.directory.store import api_client as store
from identity.directory.store.api_client import ApiClientRow
from identity.people.commands.user import held
from identity.people.domain.user import Kind
from identity.sign_in.domain.device import Origin
from identity.sign_in.store import session as sessions


@dataclass(frozen=True, slots=True)
class Draft:
    """A key to be."""

    user: UserId
    name: str
    doors: Sequence[Door]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Made:
    """A new key. This is the one moment at which anybody can read it."""

    id: ApiClientId
    key: str


@dataclass(frozen=True, slots=True)
class Exchanged:
    """The short session of a program."""

    user: UserId
    session: SessionId
    lasts: timedelta


def create_api_client(session: Session, scope: Scope, users: Scope, draft: Draft) -> Made:
    """Give a service user a key. Raises `Denied` where the user could do more than the giver."""
    name, doors = domain.name(draft.name), domain.doors(draft.doors)
    until = domain.expiry(draft.expires_at, datetime.now(UTC))
    owner = held(session, users, draft.user, None)
    if owner.kind is not Kind.SERVICE:
        raise BadInput(
            "userId is a person; keys are for service users. Create one with kind SERVICE.",
            "userId 是自然人；密钥仅供服务账号使用，请先创建 kind 为 SERVICE 的用户。",
            field="userId",
        )
    key = domain.new_key()
    id = store.add(
        session,
        whose=draft.user,
        name=name,
        digest=domain.digest(key),
        hint=domain.hint(key),
        doors=doors,
        expires_at=until,
        by=UserId(scope.actor.user_id),
    )
    changes = {
        "user": [None, str(draft.user)],
        "scopes": [None, ", ".join(door.value for door in doors)],
        "expires_at": [None, until.isoformat()],
    }
    _tell(session, scope, id, "create", changes)
    return Made(id, key)


def revoke_api_client(session: Session, scope: Scope, id: ApiClientId) -> ApiClientId:
    """End a key and every session that came of it. Twice is as once."""
    if store.locked(session, scope, id) is None:
        raise NotFound(f"No API client {id} exists.", f"未找到 API 客户端 {id}。", field="id")
    if store.revoke(session, id):
        ended = sessions.end_of_api_client(session, id)
        _tell(session, scope, id, "revoke", {"sessions_ended": [None, str(ended)]})
    return id


def recognised(session: Session, key: str, door: Door) -> ApiClientRow:
    """Whose key this is. Raises `Unauthenticated`, or `Denied` where it is for other doors."""
    found = store.good(session, domain.digest(key)) if domain.looks_like_key(key) else None
    if found is None:
        raise Unauthenticated(
            "The API key is not good: unknown, expired, revoked, or its user is suspended.",
            "API 密钥无效：不存在、已过期、已吊销，或其用户已停用。",
            field="key",
        )
    if door not in found.doors:
        raise Denied(
            f"This API key is not for {door.value}; its scopes do not name it.",
            f"该 API 密钥的范围不包含 {door.value}。",
            scope=door.value,
        )
    return found


def exchange(session: Session, key: str, origin: Origin, lasts: timedelta) -> Exchanged:
    """Begin the short session of a program that shows its key; nothing renews it but the key.

    It ends with the key, if that is sooner.
    """
    client = recognised(session, key, Door.GRAPHQL)
    store.note_use(session, client.id)
    lasts = min(lasts, max(client.expires_at - datetime.now(UTC), timedelta(seconds=1)))
    id = sessions.open_session(
        session, client.user, origin.address, lasts, device=origin.device, api_client=client.id
    )
    audit.record(
        session,
        audit.Entry(
            Actor(client.user, id),
            "sign_in",
            "Session",
            str(id),
            changes={"api_client": [None, str(client.id)]},
        ),
    )
    return Exchanged(client.user, id, lasts)


def _tell(
    session: Session,
    scope: Scope,
    id: ApiClientId,
    action: str,
    changes: dict[str, list[str | None]],
) -> None:
    audit.record(
        session,
        audit.Entry(
            scope.actor,
            action,
            "ApiClient",
            str(id),
            changes=changes,
            policy_version=scope.version,
        ),
    )
