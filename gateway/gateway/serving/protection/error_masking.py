"""Masks the messages of subgraph errors that were not written for clients, as production does."""

from typing import Any

from gateway.execution.faults import DEFAULT_CODE
from gateway.execution.transport import Answer

ACCIDENTAL_CODES = frozenset({None, "", DEFAULT_CODE, "INTERNAL_SERVER_ERROR"})
"""Codes that servers give to uncaught exceptions; any other marks an error meant for the client."""


def mask(answer: Answer, subgraph: str, *, chinese: bool) -> None:
    """Replace, in place, the messages of accidental errors; their paths and codes stay."""
    errors = answer.get("errors")
    if isinstance(errors, list):
        answer["errors"] = [_masked(error, subgraph, chinese) for error in errors]


def _masked(error: Any, subgraph: str, chinese: bool) -> Any:
    if not isinstance(error, dict):
        return error
    extensions = error.get("extensions")
    code = extensions.get("code") if isinstance(extensions, dict) else None
    if isinstance(code, str) and code not in ACCIDENTAL_CODES:
        return error
    message = f"子图“{subgraph}”出错。" if chinese else f'The subgraph "{subgraph}" failed.'
    shown_code = code if isinstance(code, str) and code else DEFAULT_CODE
    masked: dict[str, Any] = {"message": message, "extensions": {"code": shown_code}}
    if "path" in error:
        masked["path"] = error["path"]
    return masked
