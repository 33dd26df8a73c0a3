"""Merges the fetch groups that go to one subgraph at one step into one request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.plan import OperationKind
from gateway.planning.fetch_group import FetchGroup
from gateway.planning.guards import either


@dataclass(eq=False, slots=True)
class Request:
    """Fetch groups that travel together: one of root fields, or several of entities."""

    graph: str
    kind: OperationKind
    level: int
    groups: list[FetchGroup] = field(default_factory=list)
    parents: list[Request] = field(default_factory=list)


def merge(groups: Sequence[FetchGroup]) -> list[Request]:
    """Return the requests, earliest first."""
    requests: dict[tuple[object, ...], Request] = {}
    request_of: dict[FetchGroup, Request] = {}
    for group in sorted(groups, key=lambda item: (item.level, item.id)):
        mount = group.path if group.mounted else None
        key = (
            group.level,
            group.graph,
            group.kind,
            group.of_entities,
            mount,
            group.phase,
            frozenset(group.context_values),
        )
        request = requests.setdefault(key, Request(group.graph, group.kind, group.level))
        request_of[group] = request
        _add(request, group)
    for group, request in request_of.items():
        for parent in group.parents:
            earlier = request_of[parent]
            if earlier is not request and earlier not in request.parents:
                request.parents.append(earlier)
    return sorted(requests.values(), key=lambda item: item.level)


def _add(request: Request, group: FetchGroup) -> None:
    for other in request.groups:
        if other.path == group.path and _absorb(other, group):
            return
    request.groups.append(group)


def _absorb(group: FetchGroup, other: FetchGroup) -> bool:
    """Merge another group at the same path into one; False when their recipes contradict."""
    for runtime, recipe in other.recipes.items():
        present = group.recipes.get(runtime)
        if present is not None and not present.fits(recipe):
            return False
    for runtime, recipe in other.recipes.items():
        present = group.recipes.get(runtime)
        if present is None:
            group.recipes[runtime] = recipe
        else:
            present.add(tuple(recipe.picks.values()))
            present.needed.update(recipe.needed)
    if group.only_type != other.only_type:
        group.only_type = None
    group.when = either(group.when, other.when)
    group.selection.merge(other.selection)
    return True
