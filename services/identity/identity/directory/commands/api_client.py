"""Create, exchange and revoke API keys."""

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
from identity.directory.domain.api_client import ApiScope
from identity.directory.store import api_client as store
from identity.directory.store.api_client import ApiClientRow
from identity.people.commands.user import held
from identity.people.domain.user import Kind
from identity.sign_in.domain.device import Origin
from identity.sign_in.store import session as sessions


@dataclass(frozen=True, slots=True)
class Draft:
    """The requested values of a key."""

    user: UserId
    name: str
    scopes: Sequence[ApiScope]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A new key in clear; only its digest is stored."""

    id: ApiClientId
    key: str


@dataclass(frozen=True, slots=True)
class ProgramSession:
    """The short session of a program."""

    user: UserId
    session: SessionId
    lifetime: timedelta


def create_api_client(
    session: Session, scope: Scope, user_scope: Scope, draft: Draft
) -> CreatedKey:
    """Create a key for a service user whom the actor may change, and return it."""
    name, scopes = domain.check_name(draft.name), domain.check_scopes(draft.scopes)
    expires_at = domain.check_expiry(draft.expires_at, datetime.now(UTC))
    owner = held(session, user_scope, draft.user, None)
    if owner.kind is not Kind.SERVICE:
        raise BadInput(
            "userId is a person, but keys are for service users; create a user of kind SERVICE.",
            "userId 是自然人，而密钥仅供服务账号使用，请先创建 kind 为 SERVICE 的用户。",
            field="userId",
        )
    key = domain.new_key()
    id = store.add(
        session,
        user_id=draft.user,
        name=name,
        digest=domain.key_digest(key),
        hint=domain.key_hint(key),
        scopes=scopes,
        expires_at=expires_at,
        created_by=UserId(scope.actor.user_id),
    )
    changes = {
        "user": [None, str(draft.user)],
        "scopes": [None, ", ".join(api_scope.value for api_scope in scopes)],
        "expires_at": [None, expires_at.isoformat()],
    }
    _record_change(session, scope, id, "create", changes)
    return CreatedKey(id, key)


def revoke_api_client(session: Session, scope: Scope, id: ApiClientId) -> ApiClientId:
    """Revoke a key and end every session that began with it. Repeating it changes nothing."""
    if store.lock(session, scope, id) is None:
        raise NotFound(
            f"No API client with id {id} exists.", f"未找到 API 客户端 {id}。", field="id"
        )
    if store.revoke(session, id):
        ended = sessions.end_of_api_client(session, id)
        _record_change(session, scope, id, "revoke", {"sessions_ended": [None, str(ended)]})
    return id


def authenticate_key(session: Session, key: str, scope: ApiScope) -> ApiClientRow:
    """Return the client of a key. Raises `Unauthenticated`, or `Denied` for another scope."""
    client = (
        store.by_valid_key(session, domain.key_digest(key)) if domain.looks_like_key(key) else None
    )
    if client is None:
        raise Unauthenticated(
            "The API key is not valid: unknown, expired, revoked, or its user is suspended.",
            "API 密钥无效：不存在、已过期、已吊销，或其用户已停用。",
            field="key",
        )
    if scope not in client.scopes:
        raise Denied(
            f"The API key does not have the scope {scope.value}; use a key that has it.",
            f"该 API 密钥的范围不包含 {scope.value}，请使用包含该范围的密钥。",
            scope=scope.value,
        )
    return client


def exchange_key(session: Session, key: str, origin: Origin, lifetime: timedelta) -> ProgramSession:
    """Begin the short session of a program that presents its key.

    Nothing renews it but the key, and it ends no later than the key.
    """
    client = authenticate_key(session, key, ApiScope.GRAPHQL)
    store.record_use(session, client.id)
    lifetime = min(lifetime, max(client.expires_at - datetime.now(UTC), timedelta(seconds=1)))
    id = sessions.open_session(
        session, client.user, origin.address, lifetime, device=origin.device, api_client=client.id
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
    return ProgramSession(client.user, id, lifetime)


def _record_change(
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
