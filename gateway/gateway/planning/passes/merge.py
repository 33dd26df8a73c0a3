"""Makes one request of all that goes to one subgraph at one step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.plan import OperationKind
from gateway.planning.draft import Draft
from gateway.planning.guards import either


@dataclass(eq=False, slots=True)
class Request:
    """Drafts that travel together: one of root fields, or one per group of entities."""

    graph: str
    kind: OperationKind
    level: int
    drafts: list[Draft] = field(default_factory=list)
    parents: list[Request] = field(default_factory=list)


def merge(drafts: Sequence[Draft]) -> list[Request]:
    """Return the requests, earliest first."""
    requests: dict[tuple[object, ...], Request] = {}
    home: dict[Draft, Request] = {}
    for draft in sorted(drafts, key=lambda item: (item.level, item.id)):
        mount = draft.path if draft.mounted else None
        given = frozenset(draft.given)
        key = (
            draft.level,
            draft.graph,
            draft.kind,
            draft.of_entities,
            mount,
            draft.phase,
            given,
        )
        request = requests.setdefault(key, Request(draft.graph, draft.kind, draft.level))
        home[draft] = request
        _add(request, draft)
    for draft, request in home.items():
        for parent in draft.parents:
            if home[parent] is not request and home[parent] not in request.parents:
                request.parents.append(home[parent])
    return sorted(requests.values(), key=lambda item: item.level)


def _add(request: Request, draft: Draft) -> None:
    for other in request.drafts:
        if other.path == draft.path and _absorb(other, draft):
            return
    request.drafts.append(draft)


def _absorb(one: Draft, other: Draft) -> bool:
    """Let one draft take over another at the same path; False when their recipes contradict."""
    for runtime, recipe in other.recipes.items():
        known = one.recipes.get(runtime)
        if known is not None and not known.fits(recipe):
            return False
    for runtime, recipe in other.recipes.items():
        known = one.recipes.get(runtime)
        if known is None:
            one.recipes[runtime] = recipe
        else:
            known.add(tuple(recipe.picks.values()))
            known.needed.update(recipe.needed)
    if one.only_type != other.only_type:
        one.only_type = None
    one.when = either(one.when, other.when)
    one.asking.absorb(other.asking)
    return True
