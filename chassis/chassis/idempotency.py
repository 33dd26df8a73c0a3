"""Idempotency keys: a repeated write returns its stored answer and changes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.errors import BadInput, Conflict

_CLAIM = text(
    "INSERT INTO idempotency_key (actor, command, key, request) "
    "VALUES (:actor, :command, :key, :request) ON CONFLICT DO NOTHING"
)
_ANSWER = text(
    "UPDATE idempotency_key SET answer = CAST(:answer AS jsonb) "
    "WHERE actor = :actor AND command = :command AND key = :key"
)
_EARLIER = text(
    "SELECT request, answer FROM idempotency_key "
    "WHERE actor = :actor AND command = :command AND key = :key"
)
MAX_KEY = 200


def run_idempotent(
    session: Session,
    actor_id: UUID,
    key: str | None,
    command: str,
    run: Callable[[], dict[str, Any]],
    *,
    request: Any = None,
) -> dict[str, Any]:
    """Run a command at most once per actor, command name and key, and return its JSON answer.

    `request` (any JSON value) guards against a key that is reused for another request, which
    raises `Conflict`. A second caller waits for the first one's transaction. Keys live seven days.
    """
    if not key:
        return run()
    if len(key) > MAX_KEY:
        raise BadInput(
            f"idempotencyKey has {len(key)} characters; send at most {MAX_KEY}.",
            f"idempotencyKey 有 {len(key)} 个字符，最多 {MAX_KEY} 个。",
            field="idempotencyKey",
        )
    digest = hashlib.sha256(orjson.dumps(request, default=str, option=orjson.OPT_SORT_KEYS))
    identity = {"actor": actor_id, "command": command, "key": key}
    claimed = session.execute(_CLAIM, identity | {"request": digest.hexdigest()})
    if claimed.rowcount == 1:  # type: ignore[attr-defined]  # CursorResult of an INSERT has it
        answer = run()
        session.execute(_ANSWER, identity | {"answer": orjson.dumps(answer, default=str).decode()})
        return answer
    earlier = session.execute(_EARLIER, identity).one()
    if earlier.request != digest.hexdigest():
        raise Conflict(
            "idempotencyKey was used for another request before; send a new key.",
            "该 idempotencyKey 已用于另一请求，请为新请求使用新的键。",
            field="idempotencyKey",
        )
    answer = earlier.answer
    return dict(answer or {})
