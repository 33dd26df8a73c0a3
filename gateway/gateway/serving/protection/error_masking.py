"""Keeps to the house what a subgraph said by accident: in production, errors without a code lose their words."""

from typing import Any

from gateway.execution.faults import DEFAULT_CODE
from gateway.execution.transport import Answer

UNMEANT = frozenset({None, "", DEFAULT_CODE, "INTERNAL_SERVER_ERROR"})
"""Codes that servers give to exceptions nobody caught; with any other an error is meant for the client."""


def mask(answer: Answer, subgraph: str, *, chinese: bool) -> None:
    """Replace the words of errors that nobody wrote for a client; path and code stay."""
    errors = answer.get("errors")
    if isinstance(errors, list):
        answer["errors"] = [_masked(error, subgraph, chinese) for error in errors]


def _masked(error: Any, subgraph: str, chinese: bool) -> Any:
    if not isinstance(error, dict):
        return error
    extensions = error.get("extensions")
    code = extensions.get("code") if isinstance(extensions, dict) else None
    if isinstance(code, str) and code not in UNMEANT:
        return error
    said = f"子图“{subgraph}”出错。" if chinese else f'The subgraph "{subgraph}" failed.'
    known = code if isinstance(code, str) and code else DEFAULT_CODE
    kept: dict[str, Any] = {"message": said, "extensions": {"code": known}}
    if "path" in error:
        kept["path"] = error["path"]
    return kept
