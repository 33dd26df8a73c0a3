"""Show sealed records in clear, masked to their shape, or not at all, as the policy says."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any
from uuid import UUID

from chassis.api.context import Info
from chassis.api.visibility import Visibility
from chassis.policy.row_scopes import RowAccess
from chassis.policy.scope import Scope
from integrations.core.api.types import ProtectedJson
from integrations.core.domain.seal import Broken, seal

COORDINATE = "SourceRecord.payload"


def payload_visibility(scope: Scope, row: RowAccess) -> Visibility:
    """Return how much of a record's payload the caller may see."""
    visibility: Visibility = scope.redactor(COORDINATE)(row, "").visibility
    return visibility


def keyed_hash(info: Info, hash: bytes) -> str:
    """Return a keyed form of a hash, for callers who may not see the hashed value.

    Without the key the value cannot be found by trying candidates.
    """
    key: str = info.context.runtime.settings.credential_key
    return hmac.digest(key.encode(), b"payload:" + hash, hashlib.sha256).hex()


def open_payload(
    info: Info,
    visibility: Visibility,
    sealed: bytes | None,
    associated_data: str,
    audited_row: tuple[str, UUID],
) -> ProtectedJson:
    """Return a sealed payload as far as the caller may see it.

    `audited_row` is the object type and id that the audit ledger records for the disclosure.
    """
    if visibility is Visibility.HIDDEN or sealed is None:
        return ProtectedJson(value=None, visibility=visibility)
    try:
        value = seal(info.context.runtime.settings.credential_key).open(sealed, associated_data)
    except Broken:
        return ProtectedJson(value=None, visibility=Visibility.HIDDEN)
    return disclose(info, value, visibility, audited_row)


def hidden_payload() -> ProtectedJson:
    """Return what a caller without the right gets."""
    return ProtectedJson(value=None, visibility=Visibility.HIDDEN)


def disclose(
    info: Info, value: Any, visibility: Visibility, audited_row: tuple[str, UUID | None]
) -> ProtectedJson:
    """Return a value in clear, masked or hidden, and note what is shown for the audit ledger."""
    if visibility is Visibility.HIDDEN:
        return hidden_payload()
    clear = visibility is Visibility.CLEAR
    if value is not None:
        object, id = audited_row
        info.context.disclosures.note(object, COORDINATE, id, clear=clear)
    shown = value if clear else mask(value)
    return ProtectedJson(value=json.loads(json.dumps(shown, default=str)), visibility=visibility)


def mask(value: Any) -> Any:
    """Return the names and the shape of a JSON value without its values."""
    if isinstance(value, dict):
        return {name: mask(item) for name, item in value.items()}
    if isinstance(value, list):
        return [mask(item) for item in value]
    return None if value is None else "***"
