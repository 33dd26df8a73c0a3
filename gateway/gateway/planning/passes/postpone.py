"""Lets a fetch group wait for a later one to the same subgraph, where that costs no time.

A group may run at any step between its own level and the step before its first child. Groups of one
subgraph that share a step travel as one request, so fewer steps per subgraph are fewer requests.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.planning.fetch_group import FetchGroup


def postpone(groups: Sequence[FetchGroup]) -> None:
    """Raise levels where that saves a request."""
    children: dict[FetchGroup, list[FetchGroup]] = {group: [] for group in groups}
    for group in groups:
        for parent in group.parents:
            children[parent].append(group)
    last = max((group.level for group in groups), default=0)
    for group in sorted(groups, key=lambda item: (-item.level, item.id)):
        if not group.of_entities:
            continue
        latest = min((child.level for child in children[group]), default=last + 1) - 1
        if latest <= group.level or _shares_request(group, groups, group.level):
            continue
        for level in range(group.level + 1, latest + 1):
            if _shares_request(group, groups, level):
                group.level = level
                break


def _shares_request(group: FetchGroup, groups: Sequence[FetchGroup], level: int) -> bool:
    """Return whether another group at this level could travel in the same request."""
    return any(
        other is not group
        and other.level == level
        and other.graph == group.graph
        and other.of_entities
        and other.phase == group.phase
        for other in groups
    )
