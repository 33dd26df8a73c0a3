"""Merges type references, written as text: `[Product!]!`."""

from __future__ import annotations

from collections.abc import Callable


def merge_output(one: str, other: str, is_subtype: Callable[[str, str], bool]) -> str | None:
    """Return what holds for both: null where one allows it, the wider type; None if there is none."""
    left, right = one.removesuffix("!"), other.removesuffix("!")
    required = "!" if one.endswith("!") and other.endswith("!") else ""
    if left.startswith("[") and right.startswith("["):
        inner = merge_output(left[1:-1], right[1:-1], is_subtype)
        return None if inner is None else f"[{inner}]{required}"
    if left.startswith("[") or right.startswith("["):
        return None
    if is_subtype(right, left):
        return left + required
    return right + required if is_subtype(left, right) else None


def merge_input(one: str, other: str) -> str | None:
    """Return what satisfies both: required where one requires it; None if there is nothing."""
    left, right = one.removesuffix("!"), other.removesuffix("!")
    required = "!" if one.endswith("!") or other.endswith("!") else ""
    if left.startswith("[") and right.startswith("["):
        inner = merge_input(left[1:-1], right[1:-1])
        return None if inner is None else f"[{inner}]{required}"
    return left + required if left == right else None


def merge_all(types: list[str], merge: Callable[[str, str], str | None]) -> str | None:
    """Merge several references; one of them must hold for all the others."""
    joint: str | None = types[0]
    for item in types[1:]:
        if joint is not None:
            joint = merge(joint, item)
    return joint if joint in types else None
