"""Text that users enter: stored as entered, trimmed, and limited in length."""

from __future__ import annotations

import unicodedata

from chassis.errors import BadInput


def required(text: str, *, field: str, longest: int) -> str:
    """Return the trimmed text.

    Raises `BadInput` if it is empty, too long or has control characters.
    """
    trimmed = text.strip()
    if not trimmed:
        raise BadInput(
            f"{field} is empty; write at least one character.",
            f"{field} 不能为空，请至少填写一个字符。",
            field=field,
        )
    return _printable(trimmed, field, longest)


def optional(text: str | None, *, field: str, longest: int) -> str:
    """Return the trimmed text, which may be empty. Raises `BadInput` as `required` does."""
    return _printable((text or "").strip(), field, longest)


def _printable(text: str, field: str, longest: int) -> str:
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise BadInput(
            f"{field} contains a control character; remove it.",
            f"{field} 含有控制字符，请删除后重试。",
            field=field,
        )
    if len(text) > longest:
        raise BadInput(
            f"{field} has {len(text)} characters; at most {longest} are allowed.",
            f"{field} 有 {len(text)} 个字符，最多 {longest} 个。",
            field=field,
        )
    return text
