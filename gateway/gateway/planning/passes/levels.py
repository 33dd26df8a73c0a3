"""Says for every draft at which step it can start, and drops drafts that ask nothing."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.planning.draft import Draft


def levels(drafts: Sequence[Draft]) -> list[Draft]:
    """Set `level` on every draft; return those that ask something, earliest first."""
    kept = [draft for draft in drafts if not draft.asking.empty]
    keep = set(kept)
    for draft in kept:
        draft.parents = _nearest(draft, keep)
    known: dict[Draft, int] = {}
    for draft in kept:
        _level(draft, known)
    for draft, level in known.items():
        draft.level = level
    return sorted(kept, key=lambda draft: (draft.level, draft.id))


def _nearest(draft: Draft, keep: set[Draft]) -> set[Draft]:
    """Replace parents that ask nothing by what those waited for."""
    found: set[Draft] = set()
    todo = list(draft.parents)
    seen: set[Draft] = set()
    while todo:
        parent = todo.pop()
        if parent in seen or parent is draft:
            continue
        seen.add(parent)
        if parent in keep:
            found.add(parent)
        else:
            todo += parent.parents
    return found


def _level(draft: Draft, known: dict[Draft, int]) -> int:
    if draft not in known:
        known[draft] = 0
        known[draft] = 1 + max((_level(parent, known) for parent in draft.parents), default=-1)
    return known[draft]
