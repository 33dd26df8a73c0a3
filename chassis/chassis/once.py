"""A write that is sent again with its idempotency key is answered again, not done again."""

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
    "INSERT INTO answered (actor, command, key, request) VALUES (:actor, :command, :key, :request) "
    "ON CONFLICT DO NOTHING"
)
_ANSWER = text(
    "UPDATE answered SET answer = CAST(:answer AS jsonb) "
    "WHERE actor = :actor AND command = :command AND key = :key"
)
_FOUND = text(
    "SELECT request, answer FROM answered "
    "WHERE actor = :actor AND command = :command AND key = :key"
)
MAX_KEY = 200


def once(
    session: Session,
    actor_id: UUID,
    key: str | None,
    command: str,
    run: Callable[[], dict[str, Any]],
    *,
    request: Any = None,
) -> dict[str, Any]:
    """The JSON answer of `run`, done at most once for this actor, command and key.

    `request` (any JSON value) guards against a key that is used again for something else, which
    is a `Conflict`. A second caller waits for the first one's transaction. Keys live seven days.
    """
    if not key:
        return run()
    if len(key) > MAX_KEY:
        raise BadInput(
            f"idempotencyKey has {len(key)} characters; at most {MAX_KEY} are allowed.",
            f"idempotencyKey 有 {len(key)} 个字符，最多 {MAX_KEY} 个。",
            field="idempotencyKey",
        )
    digest = hashlib.sha256(orjson.dumps(request, default=str, option=orjson.OPT_SORT_KEYS))
    who = {"actor": actor_id, "command": command, "key": key}
    claimed = session.execute(_CLAIM, who | {"request": digest.hexdigest()})
    if claimed.rowcount == 1:  # type: ignore[attr-defined]  # CursorResult of an INSERT has it
        answer = run()
        session.execute(_ANSWER, who | {"answer": orjson.dumps(answer, default=str).decode()})
        return answer
    earlier = session.execute(_FOUND, who).one()
    if earlier.request != digest.hexdigest():
        raise Conflict(
            "This idempotencyKey was used for another request; use a new key for a new request.",
            "该 idempotencyKey 已用于另一请求，请换一个。",
            field="idempotencyKey",
        )
    answer = earlier.answer
    return dict(answer or {})
