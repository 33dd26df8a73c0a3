"""Sets the step at which every fetch group can start; drops groups that select nothing."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.planning.fetch_group import FetchGroup


def assign_levels(groups: Sequence[FetchGroup]) -> list[FetchGroup]:
    """Set `level` on every group; return those that select something, earliest first."""
    needed = [group for group in groups if not group.selection.empty]
    needed_set = set(needed)
    for group in needed:
        group.parents = _nearest_parents(group, needed_set)
    levels: dict[FetchGroup, int] = {}
    for group in needed:
        _level(group, levels)
    for group, level in levels.items():
        group.level = level
    return sorted(needed, key=lambda group: (group.level, group.id))


def _nearest_parents(group: FetchGroup, needed: set[FetchGroup]) -> set[FetchGroup]:
    """Return the parents, where those that select nothing are replaced by their own parents."""
    nearest: set[FetchGroup] = set()
    todo = list(group.parents)
    seen: set[FetchGroup] = set()
    while todo:
        parent = todo.pop()
        if parent in seen or parent is group:
            continue
        seen.add(parent)
        if parent in needed:
            nearest.add(parent)
        else:
            todo += parent.parents
    return nearest


def _level(group: FetchGroup, levels: dict[FetchGroup, int]) -> int:
    if group not in levels:
        levels[group] = 0
        levels[group] = 1 + max((_level(parent, levels) for parent in group.parents), default=-1)
    return levels[group]
