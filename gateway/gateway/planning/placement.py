"""Places the fields of one object at visits to subgraphs, as cheaply as possible.

Fields are placed one after another: first those that need no further request, then those that only
one subgraph can resolve, so that the remaining choices fall on subgraphs that are visited anyway.
There are three ways to place a field: at a visit that exists, at a subgraph entered for it, or at
several subgraphs that fill one object together. Every way that changes the visits is tried on a
copy of the search state, and the cheapest copy is adopted. Entering a subgraph places the fields of
its key and of @requires first, by the same function.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.operation import Field
from gateway.planning.path_tree import (
    DEPTH_COST,
    FETCH_COST,
    FIELD_COST,
    GraphNode,
    ObjectTree,
    PathTree,
    PlacedField,
    Visit,
    measure,
    visit_depths,
)
from gateway.planning.query_graph import FieldEdge, Selections
from gateway.planning.search_state import LOCAL_FIELDS, SearchState
from gateway.supergraph import FieldView

_PLACE = 8  # what placing one field costs, in steps of the budget


@dataclass(frozen=True, slots=True)
class SearchLimits:
    """Where a placement may not go: into these subgraphs, back to these requirements."""

    avoid: frozenset[str] = frozenset()
    busy: frozenset[tuple[str, str]] = frozenset()  # (subgraph, field) whose inputs are placed now
    may_enter: bool = True


NO_LIMITS = SearchLimits()


@dataclass(slots=True)
class Placement:
    """One way to place a field: in the state as it is, or in a copy that has more visits."""

    cost: int
    fields: dict[int, PlacedField | None]  # by index of the visit; None: the copy holds it
    state: SearchState | None = None

    @property
    def visits(self) -> frozenset[int]:
        """Return the indexes of the visits that then hold the field."""
        return frozenset(self.fields)

    def apply(self, state: SearchState) -> None:
        """Change a state to hold the field."""
        if self.state is not None:
            state.adopt(self.state)
            return
        for index, item in self.fields.items():
            if item is not None:
                state.visits[index].fields.append(item)


def place_all(state: SearchState, fields: Iterable[Field]) -> ObjectTree | None:
    """Place all fields and return the path tree; None when one of them cannot be reached."""

    def urgency(item: Field) -> tuple[int, int]:
        return _urgency(state, item)

    ordered = sorted((item for item in fields if item.name not in LOCAL_FIELDS), key=urgency)
    state.open = [item.name for item in ordered]
    for item in ordered:
        state.open.pop(0)
        if place(state, item, NO_LIMITS) is None:
            return None
    return state.tree()


def place(state: SearchState, item: Field, limits: SearchLimits) -> frozenset[int] | None:
    """Place one field; return the visits that then hold it, None when it cannot be reached."""
    if item.name in LOCAL_FIELDS:
        return frozenset()
    key = (item.key, item.name, item.arguments, id(item.selections), item.guard)
    if (holders := state.placed.get(key)) is not None:
        return holders
    state.search.collector.budget.search(_PLACE)
    placement = _at_visit(state, item)
    if placement is None or placement.cost > 0:
        placement = _at_entered_subgraph(state, item, limits, placement)
    if placement is None and item.selections:
        placement = _at_several(state, item, limits)
    if placement is None:
        return None
    placement.apply(state)
    holders = placement.visits
    state.placed[key] = holders
    return holders


def enter(
    state: SearchState,
    node: GraphNode,
    name: str,
    view: FieldView | None,
    limits: SearchLimits,
    may_go_on: bool,
) -> int | None:
    """Add a visit (or use a fitting one) that can resolve the field; return its index.

    With `may_go_on`, further subgraphs may be entered to supply the key. None: there is no way.
    """
    requirements: tuple[Selections, ...] = ()
    suppliers: frozenset[int] = frozenset()
    lag = 0
    if view is not None and view.needs_inputs:
        if (node.graph, name) in limits.busy:
            return None
        requirements = (state.query_graph.field_set(view.requires),) if view.requires else ()
        busy = limits.busy | {(node.graph, name)}
        supply = _supply(
            state, requirements[0] if requirements else (), SearchLimits(limits.avoid, busy)
        )
        if supply is None:
            return None
        suppliers, lag = supply
        if (fitting := state.fitting_visit(node, requirements, suppliers)) is not None:
            visit = state.visits[fitting]
            visit.inputs += tuple(item for item in requirements if item not in visit.inputs)
            visit.after |= suppliers
            visit.lag = max(visit.lag, lag)
            return fitting
    if node.type in state.query_graph.roots.values():  # below another field, once that has arrived
        given_visits = frozenset(n for n, visit in enumerate(state.visits) if not visit.entered)
        state.visits.append(Visit(node, entered=True, after=given_visits))
        return len(state.visits) - 1
    return _enter_by_key(state, node, requirements, suppliers, lag, limits, may_go_on)


def _urgency(state: SearchState, item: Field) -> tuple[int, int]:
    """Return the rank of a field in the order of placing, lowest first."""
    for visit in state.visits:
        view, _ = state.resolve(visit.node, item.name)
        if view is not None and not view.needs_inputs:
            return (0, 0 if not item.selections else 1)
    edges = state.query_graph.field_edges(state.type, item.name)
    return (2 if any(edge.field.needs_inputs for edge in edges) else 1, len(edges))


def _enter_by_key(
    state: SearchState,
    node: GraphNode,
    requirements: tuple[Selections, ...],
    suppliers: frozenset[int],
    lag: int,
    limits: SearchLimits,
    may_go_on: bool,
) -> int | None:
    """Enter a subgraph by the key whose fields are supplied at the lowest cost."""
    best: tuple[int, SearchState] | None = None
    inner = SearchLimits(limits.avoid | {node.graph}, limits.busy, may_go_on)
    for key in state.query_graph.key_edges(node.graph, node.type):
        trial = state.copy()
        supply = _supply(trial, key.selections, inner)
        if supply is None:
            continue
        trial.visits.append(
            Visit(
                node,
                True,
                (key.selections, *requirements),
                suppliers | supply[0],
                max(lag, supply[1]),
            )
        )
        cost = measure(trial.visits)[0]
        if best is None or cost < best[0]:
            best = (cost, trial)
    if best is None:
        return None
    state.adopt(best[1])
    return len(state.visits) - 1


def _supply(
    state: SearchState, selections: Selections, limits: SearchLimits
) -> tuple[frozenset[int], int] | None:
    """Place the fields of a field set; return the visits that hold them, and the lag below."""
    suppliers: frozenset[int] = frozenset()
    fields = state.search.collector.collect(state.type, selections).values()
    for item in fields:
        holders = place(state, item, limits)
        if holders is None:
            return None
        suppliers |= holders
    return suppliers, state.lag(fields)


# ----------------------------------------------------------------------------- ways to place it


def _at_visit(state: SearchState, item: Field) -> Placement | None:
    """Return the cheapest way to place the field at a visit that exists."""
    best: Placement | None = None
    depths: list[int] | None = None
    for index, visit in enumerate(state.visits):
        view, provided = state.resolve(visit.node, item.name)
        if view is None or view.needs_inputs:
            continue
        if not item.selections:
            return Placement(0, {index: PlacedField(item, view)})
        child = state.search.find((state.node_below(visit.node, view, provided),), item.selections)
        if child is None:
            continue
        depths = depths or visit_depths(state.visits)
        cost = child.cost + child.fetches * DEPTH_COST * depths[index] if child.fetches else 0
        if best is None or cost < best.cost:
            best = Placement(cost, {index: PlacedField(item, view, child)})
        if cost == 0:
            break
    return best


def _at_entered_subgraph(
    state: SearchState, item: Field, limits: SearchLimits, at_visit: Placement | None
) -> Placement | None:
    """Return the cheapest way to place the field at a subgraph that is entered for it.

    `at_visit` is the best placement without entering; it is returned when none is better.
    """
    if not limits.may_enter:
        return at_visit
    before = measure(state.visits)[0]
    for may_go_on in (False, True):
        best, reachable = at_visit, False
        for edge in state.query_graph.field_edges(state.type, item.name):
            limit = best.cost if best is not None else None
            placement = _enter_for(state, item, edge, limits, may_go_on, before, limit)
            if placement is not None:
                reachable = True
                best = _better(state, best, placement)
        if reachable:
            return best
    return at_visit


def _enter_for(
    state: SearchState,
    item: Field,
    edge: FieldEdge,
    limits: SearchLimits,
    may_go_on: bool,
    before: int,
    limit: int | None,
) -> Placement | None:
    """Return the placement that follows one field edge; None when there is none below the limit."""
    visited = any(
        visit.node.graph == edge.graph and visit.node.type == edge.type for visit in state.visits
    )
    if visited and not edge.field.needs_inputs:
        return None  # `_at_visit` has considered it
    if edge.graph in limits.avoid and not visited:
        return None
    node = GraphNode(edge.graph, edge.type)
    view = state.query_graph.view(edge.graph, edge.type)
    if (
        view is not None
        and view.kind == "INTERFACE"
        and not state.resolves_for_all(node, item.name)
    ):
        return None
    child: PathTree | None = None
    if item.selections:
        child = state.search.find((state.node_below(node, edge.field, ()),), item.selections)
        if child is None:
            return None
    if limit is not None and not edge.field.needs_inputs:
        depth = 1 if state.lies_below() else 0
        least = FETCH_COST + DEPTH_COST * depth + FIELD_COST
        if child is not None:
            least += child.cost + DEPTH_COST * depth * child.fetches
        if least > limit:
            return None  # however it is entered, it costs more
    trial = state.copy()
    index = enter(trial, node, item.name, edge.field, limits, may_go_on)
    if index is None:
        return None
    trial.visits[index].fields.append(PlacedField(item, edge.field, child))
    return Placement(measure(trial.visits)[0] - before, {index: None}, trial)


def _at_several(state: SearchState, item: Field, limits: SearchLimits) -> Placement | None:
    """Let several subgraphs fill one object, when none can alone."""
    trial = state.copy()
    parts: list[tuple[int, FieldView, GraphNode]] = []
    for index, visit in enumerate(trial.visits):
        view, provided = trial.resolve(visit.node, item.name)
        if view is not None and not view.needs_inputs:
            parts.append((index, view, trial.node_below(visit.node, view, provided)))
    if limits.may_enter:
        for edge in state.query_graph.field_edges(state.type, item.name):
            node = GraphNode(edge.graph, edge.type)
            if edge.graph in limits.avoid or any(
                trial.visits[index].node.graph == edge.graph for index, _, _ in parts
            ):
                continue
            entered = enter(trial, node, item.name, edge.field, limits, True)
            if entered is not None:
                parts.append((entered, edge.field, trial.node_below(node, edge.field, ())))
    if len(parts) < 2:
        return None
    child = state.search.find(tuple(node for _, _, node in parts), item.selections)
    if child is None:
        return None
    for number, (index, view, _) in enumerate(parts):
        trial.visits[index].fields.append(PlacedField(item, view, child, number, len(parts)))
    return Placement(0, {index: None for index, _, _ in parts}, trial)


def _better(state: SearchState, best: Placement | None, other: Placement) -> Placement:
    if best is None or other.cost < best.cost:
        return other
    if other.cost == best.cost and _cover(state, other) > _cover(state, best):
        return other
    return best


def _cover(state: SearchState, placement: Placement) -> int:
    """Count the open fields that the placement's subgraphs could resolve as well."""
    if placement.state is None:
        return 0
    graphs = {placement.state.visits[index].node.graph for index in placement.fields}
    return sum(
        any(edge.graph in graphs for edge in state.query_graph.field_edges(state.type, name))
        for name in state.open
    )
