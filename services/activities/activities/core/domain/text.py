"""Text written by users is stored trimmed and must not exceed a documented length."""

from __future__ import annotations

from chassis.errors import BadInput


def required(text: str, *, field: str, longest: int) -> str:
    """Return the trimmed text. Raise `BadInput` if it is empty or too long."""
    trimmed = text.strip()
    if not trimmed:
        raise BadInput(
            f"{field} is empty; write at least one character.",
            f"{field} 不能为空，请至少填写一个字符。",
            field=field,
        )
    return _within(trimmed, field, longest)


def optional(text: str | None, *, field: str, longest: int) -> str | None:
    """Return the trimmed text, or `None` for an empty one. Raise `BadInput` if it is too long."""
    trimmed = (text or "").strip()
    return _within(trimmed, field, longest) if trimmed else None


def _within(text: str, field: str, longest: int) -> str:
    if "\x00" in text:
        raise BadInput(
            f"{field} contains a zero byte, which text must not contain; remove it.",
            f"{field} 含有无效的空字节，请删除后重试。",
            field=field,
        )
    if len(text) > longest:
        raise BadInput(
            f"{field} has {len(text)} characters; write at most {longest}.",
            f"{field} 有 {len(text)} 个字符，最多 {longest} 个。",
            field=field,
        )
    return text
