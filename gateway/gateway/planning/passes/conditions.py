"""Sets when a fetch group is needed: by the client's selections, or by groups that wait for it."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.plan import ALWAYS, Guard
from gateway.planning.fetch_group import FetchGroup, either_or_never
from gateway.planning.guards import deferral_phase, without_deferrals


def set_conditions(groups: Sequence[FetchGroup]) -> None:
    """Set `when` and `phase` on every group, the latest first: parents inherit from children."""
    waiting: dict[FetchGroup, Guard | None] = {}
    for group in sorted(groups, key=lambda item: -item.level):
        needed = either_or_never(group.selection.client_guard, waiting.get(group))
        when = ALWAYS if needed is None else needed
        group.phase, group.when = deferral_phase(when), without_deferrals(when)
        for parent in group.parents:
            waiting[parent] = either_or_never(waiting.get(parent), when)
