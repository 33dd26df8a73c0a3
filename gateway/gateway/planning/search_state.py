"""The search state of one object: the visits that are chosen so far.

A search tries alternatives on copies of a state and adopts the cheapest copy. This module holds
what a state is and what can be read from it; `placement` decides where fields go.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from gateway.operation import LOCAL, Field
from gateway.planning.field_collection import FieldCollector
from gateway.planning.path_tree import (
    GraphNode,
    ObjectTree,
    PathTree,
    Visit,
    measure,
)
from gateway.planning.query_graph import QueryGraph, Selections
from gateway.supergraph import FieldView

LOCAL_FIELDS = LOCAL | {"__typename"}
"""Fields that need no subgraph of their own."""

_COPY = 3  # what copying one visit costs, in steps of the budget

FieldKey = tuple[str, str, str, int, object]


class Search(Protocol):
    """What a state needs of the search: the query graph, and the path trees of positions below."""

    query_graph: QueryGraph
    collector: FieldCollector

    def find(self, nodes: tuple[GraphNode, ...], selections: Selections) -> PathTree | None:
        """Return the cheapest path tree of a position, None if there is none."""


class SearchState:
    """The visits of one object while they are being chosen."""

    def __init__(self, search: Search, type_name: str, visits: list[Visit]) -> None:
        self.search = search
        self.query_graph = search.query_graph
        self.type = type_name
        self.visits = visits
        self.placed: dict[FieldKey, frozenset[int]] = {}  # by field, the visits that hold it
        self.open: list[str] = []  # names of the fields still to be placed; they decide ties

    def tree(self) -> ObjectTree:
        """Return the path tree of the visits as they are now."""
        return ObjectTree(self.type, tuple(self.visits), *measure(self.visits))

    def copy(self) -> SearchState:
        """Return a state that may be changed without changing this one."""
        self.search.collector.budget.search(_COPY * (1 + len(self.visits)))
        state = SearchState(self.search, self.type, [visit.copy() for visit in self.visits])
        state.placed = dict(self.placed)
        state.open = self.open
        return state

    def adopt(self, other: SearchState) -> None:
        """Continue with the visits of another state."""
        self.visits, self.placed = other.visits, other.placed

    def lag(self, items: Iterable[Field]) -> int:
        """Return how many requests lie below the visits that supply these fields."""
        keys = {(item.key, item.name, id(item.selections)) for item in items}
        return max(
            (
                placed.child.depth
                for visit in self.visits
                for placed in visit.fields
                if placed.child is not None
                and (placed.field.key, placed.field.name, id(placed.field.selections)) in keys
            ),
            default=0,
        )

    def lies_below(self) -> bool:
        """Return whether this position lies below another one, whose visits are given."""
        return any(not visit.entered for visit in self.visits)

    # ------------------------------------------------------------------------------- one subgraph

    def resolve(self, node: GraphNode, name: str) -> tuple[FieldView | None, Selections]:
        """Return the field if the subgraph of a node resolves it, and what is provided below."""
        type_view = self.query_graph.view(node.graph, node.type)
        view = type_view.fields.get(name) if type_view else None
        if view is None:
            return None, ()
        provided: Selections = ()
        resolved = self.query_graph.resolves(view)
        if node.provided:
            for item in self.search.collector.collect(self.type, node.provided).values():
                if item.name == name:
                    resolved, provided = True, item.selections
        if resolved and type_view is not None and type_view.kind == "INTERFACE":
            resolved = self.resolves_for_all(node, name)
        return (view, provided) if resolved else (None, ())

    def resolves_for_all(self, node: GraphNode, name: str) -> bool:
        """Return whether a subgraph resolves an interface's field for every member type."""
        graph = self.query_graph.graphs[node.graph]
        for member in graph.types[node.type].members:
            view = graph.types[member].fields.get(name)
            if view is None or not self.query_graph.resolves(view) or view.needs_inputs:
                return False
        return True

    def node_below(self, node: GraphNode, view: FieldView, provided: Selections) -> GraphNode:
        """Return the node that a field of this object leads to, in the same subgraph."""
        parts = [provided]
        if view.provides:
            parts.append(self.query_graph.field_set(view.provides))
        return GraphNode(
            node.graph,
            view.named,
            self.search.collector.join(parts),
            self._peers(node, view.name),
        )

    def _peers(self, node: GraphNode, name: str) -> frozenset[tuple[str, str]]:
        """Return the other subgraphs that could have resolved a shared field of this object."""
        edges = self.query_graph.field_edges(self.type, name)
        if len(edges) < 2:
            return frozenset()
        holders = {graph for graph, _ in node.peers}
        return frozenset(
            (edge.graph, edge.field.named)
            for edge in edges
            if edge.graph != node.graph
            and (edge.graph in holders or self.query_graph.can_enter(edge.graph, edge.type))
        )

    # ----------------------------------------------------------------------------- entered visits

    def fitting_visit(
        self, node: GraphNode, requirements: tuple[Selections, ...], suppliers: frozenset[int]
    ) -> int | None:
        """Return an entered visit to the same node that can wait for the requirements too."""
        before = self._all_before(suppliers)
        for index, visit in enumerate(self.visits):
            waits = visit.entered and visit.inputs and visit.node == node and index not in before
            if waits and not any(self._clash(r, i) for r in requirements for i in visit.inputs):
                return index
        return None

    def _clash(self, left: Selections, right: Selections) -> bool:
        """Return whether two field sets select one field with different arguments."""
        left_fields = self.search.collector.collect(self.type, left).values()
        right_fields = self.search.collector.collect(self.type, right).values()
        return any(
            a.name == b.name
            and (a.arguments != b.arguments or _clash_below(a.selections, b.selections))
            for a in left_fields
            for b in right_fields
        )

    def _all_before(self, indexes: frozenset[int]) -> frozenset[int]:
        """Return the visits and all visits they wait for."""
        earlier: set[int] = set()
        todo = list(indexes)
        while todo:
            index = todo.pop()
            if index not in earlier:
                earlier.add(index)
                todo += self.visits[index].after
        return frozenset(earlier)


def _clash_below(left: Selections, right: Selections) -> bool:
    for a in left:
        for b in right:
            if isinstance(a, Field) and isinstance(b, Field):
                if a.name == b.name and (
                    a.arguments != b.arguments or _clash_below(a.selections, b.selections)
                ):
                    return True
            elif _clash_below(a.selections, b.selections):
                return True
    return False
