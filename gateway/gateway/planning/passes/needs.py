"""Says when a request is needed at all: for what the client wants of it, or for what waits for it."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.plan import ALWAYS, Guard
from gateway.planning.draft import Draft, when_either
from gateway.planning.guards import phase, spoken


def needs(drafts: Sequence[Draft]) -> None:
    """Set `when` on every draft, the latest first, so that what only they need follows them."""
    waiting: dict[Draft, Guard | None] = {}
    for draft in sorted(drafts, key=lambda item: -item.level):
        needed = when_either(draft.asking.wanted, waiting.get(draft))
        when = ALWAYS if needed is None else needed
        draft.phase, draft.when = phase(when), spoken(when)
        for parent in draft.parents:
            waiting[parent] = when_either(waiting.get(parent), when)
