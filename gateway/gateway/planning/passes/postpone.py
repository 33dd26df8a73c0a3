"""Lets a request wait for a later one to the same subgraph, where nobody loses time by it.

A draft may run at any step between its own level and the step before its first child. Drafts of one
subgraph that share a step travel as one request, so fewer steps a subgraph are fewer requests.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.planning.draft import Draft


def postpone(drafts: Sequence[Draft]) -> None:
    """Raise levels where that saves a request."""
    children: dict[Draft, list[Draft]] = {draft: [] for draft in drafts}
    for draft in drafts:
        for parent in draft.parents:
            children[parent].append(draft)
    last = max((draft.level for draft in drafts), default=0)
    for draft in sorted(drafts, key=lambda item: (-item.level, item.id)):
        if not draft.of_entities:
            continue
        latest = min((child.level for child in children[draft]), default=last + 1) - 1
        if latest <= draft.level or _has_company(draft, drafts, draft.level):
            continue
        for level in range(draft.level + 1, latest + 1):
            if _has_company(draft, drafts, level):
                draft.level = level
                break


def _has_company(draft: Draft, drafts: Sequence[Draft], level: int) -> bool:
    return any(
        other is not draft
        and other.level == level
        and other.graph == draft.graph
        and other.of_entities
        and other.phase == draft.phase
        for other in drafts
    )
