"""Merges type references, written as text: `[Product!]!`."""

from __future__ import annotations

from collections.abc import Callable


def merge_output(left: str, right: str, is_subtype: Callable[[str, str], bool]) -> str | None:
    """Return the type of a merged field: the wider one, nullable where one of both is.

    None when neither type is wider.
    """
    left_inner, right_inner = left.removesuffix("!"), right.removesuffix("!")
    required = "!" if left.endswith("!") and right.endswith("!") else ""
    if left_inner.startswith("[") and right_inner.startswith("["):
        inner = merge_output(left_inner[1:-1], right_inner[1:-1], is_subtype)
        return None if inner is None else f"[{inner}]{required}"
    if left_inner.startswith("[") or right_inner.startswith("["):
        return None
    if is_subtype(right_inner, left_inner):
        return left_inner + required
    return right_inner + required if is_subtype(left_inner, right_inner) else None


def merge_input(left: str, right: str) -> str | None:
    """Return the type of a merged input value: required where one of both is.

    None when the types differ in more than `!`.
    """
    left_inner, right_inner = left.removesuffix("!"), right.removesuffix("!")
    required = "!" if left.endswith("!") or right.endswith("!") else ""
    if left_inner.startswith("[") and right_inner.startswith("["):
        inner = merge_input(left_inner[1:-1], right_inner[1:-1])
        return None if inner is None else f"[{inner}]{required}"
    return left_inner + required if left_inner == right_inner else None


def merge_types(types: list[str], merge: Callable[[str, str], str | None]) -> str | None:
    """Merge several references; None unless one of them is the merged type."""
    merged: str | None = types[0]
    for item in types[1:]:
        if merged is not None:
            merged = merge(merged, item)
    return merged if merged in types else None
