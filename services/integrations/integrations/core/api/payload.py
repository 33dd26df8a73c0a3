"""Opens sealed records for those who may see them; the others get their shape, or nothing."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any
from uuid import UUID

from chassis.api.visibility import Visibility
from chassis.policy.row_scopes import RowAccess
from chassis.policy.scope import Scope
from integrations.core.api.words import IntegrationsInfo, ProtectedJson
from integrations.core.domain.seal import Broken, seal

COORDINATE = "SourceRecord.payload"


def visibility_of(scope: Scope, row: RowAccess) -> Visibility:
    """How much of a record's payload this reader may see."""
    found: Visibility = scope.redactor(COORDINATE)(row, "").visibility
    return found


def keyed(info: IntegrationsInfo, hash: bytes) -> str:
    """A hash for those who may not see what it is of: without the key it tells nothing."""
    key: str = info.context.runtime.settings.credential_key
    return hmac.digest(key.encode(), b"payload:" + hash, hashlib.sha256).hex()


def opened(
    info: IntegrationsInfo,
    visibility: Visibility,
    sealed: bytes | None,
    place: str,
    told: tuple[str, UUID],
) -> ProtectedJson:
    """A sealed payload as this reader may see it; `told` is whose it is, for the audit ledger."""
    if visibility is Visibility.HIDDEN or sealed is None:
        return ProtectedJson(value=None, visibility=visibility)
    try:
        value = seal(info.context.runtime.settings.credential_key).open(sealed, place)
    except Broken:
        return ProtectedJson(value=None, visibility=Visibility.HIDDEN)
    return shown(info, value, visibility, told)


def hidden() -> ProtectedJson:
    """What somebody sees who may not see it."""
    return ProtectedJson(value=None, visibility=Visibility.HIDDEN)


def shown(
    info: IntegrationsInfo, value: Any, visibility: Visibility, told: tuple[str, UUID | None]
) -> ProtectedJson:
    """A value in clear, masked, or not at all; what is shown is noted for the audit ledger."""
    if visibility is Visibility.HIDDEN:
        return hidden()
    clear = visibility is Visibility.CLEAR
    if value is not None:
        object, id = told
        info.context.disclosures.note(object, COORDINATE, id, clear=clear)
    said = value if clear else masked(value)
    return ProtectedJson(value=json.loads(json.dumps(said, default=str)), visibility=visibility)


def masked(value: Any) -> Any:
    """The names and the shape, without the values."""
    if isinstance(value, dict):
        return {name: masked(each) for name, each in value.items()}
    if isinstance(value, list):
        return [masked(each) for each in value]
    return None if value is None else "***"
