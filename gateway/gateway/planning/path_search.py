"""Searches the cheapest path tree, position by position; every position is searched once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gateway.operation import Field
from gateway.planning.field_collection import FieldCollector, has_typename
from gateway.planning.path_tree import (
    TYPE_COST,
    AbstractTree,
    GraphNode,
    NodeKey,
    ObjectTree,
    PathTree,
    PlacedField,
    Visit,
    measure,
)
from gateway.planning.placement import NO_LIMITS, enter, place_all
from gateway.planning.query_graph import QueryGraph, Selections
from gateway.planning.search_state import LOCAL_FIELDS, SearchState

_TYPE = 10  # what the path tree of one more runtime type costs, in steps of the budget

_PositionKey = tuple[tuple[NodeKey, ...], int]


class PathSearch:
    """Search path trees and remember them by position."""

    def __init__(self, query_graph: QueryGraph, collector: FieldCollector) -> None:
        self.query_graph = query_graph
        self.collector = collector
        self._trees: dict[_PositionKey, PathTree | None] = {}
        self._active: set[_PositionKey] = set()
        self._alive: list[object] = []  # keeps objects alive whose `id` is part of a key

    def find_root(self, type_name: str, fields: Iterable[Field]) -> ObjectTree | None:
        """Return the path tree of root fields; there every subgraph can be entered freely."""
        return place_all(SearchState(self, type_name, []), fields)

    def find(self, nodes: tuple[GraphNode, ...], selections: Selections) -> PathTree | None:
        """Return the cheapest path tree of a position that these nodes hold; None if none."""
        key = (tuple(node.key for node in nodes), id(selections))
        if key in self._trees:
            return self._trees[key]
        if key in self._active:
            return None
        self._active.add(key)
        self._alive.append((nodes, selections))
        try:
            tree = self._search(nodes, selections)
        finally:
            self._active.discard(key)
        self._trees[key] = tree
        return tree

    def _search(self, nodes: tuple[GraphNode, ...], selections: Selections) -> PathTree | None:
        typed = [node for node in nodes if not self._is_interface_object(node)]
        if not typed:
            return self._interface_object_tree(nodes, selections)
        candidates = self._candidates(typed)
        view = self.query_graph.view(typed[0].graph, typed[0].type)
        if len(candidates) == 1 and view is not None and view.kind == "OBJECT":
            (only,) = candidates
            return self._object_tree(only, nodes, self.collector.collect(only, selections).values())
        return self._abstract_tree(nodes, selections, candidates)

    def _object_tree(
        self, type_name: str, nodes: Iterable[GraphNode], fields: Iterable[Field]
    ) -> ObjectTree | None:
        return place_all(SearchState(self, type_name, [Visit(node) for node in nodes]), fields)

    # ----------------------------------------------------------------------- interfaces and unions

    def _abstract_tree(
        self, nodes: tuple[GraphNode, ...], selections: Selections, candidates: frozenset[str]
    ) -> PathTree | None:
        name = next(node.type for node in nodes if not self._is_interface_object(node))
        base = SearchState(self, name, [Visit(node) for node in nodes])
        if not candidates:  # no object type implements it here: only shared fields can be selected
            tree = place_all(base, self.collector.collect(name, selections).values())
            return tree and AbstractTree(
                name, tree, {}, tree.cost, tree.fetches, tree.depth, tree.size
            )
        if len(nodes) > 1 and not self._each_alone(nodes, selections):
            return None
        shared = self._place_shared(base, selections) if len(nodes) == 1 else frozenset()
        return self._trees_by_type(base, selections, candidates, shared)

    def _each_alone(self, nodes: tuple[GraphNode, ...], selections: Selections) -> bool:
        """Return whether each selection has one subgraph that answers it for all runtime types.

        Subgraphs that share a field may look up different objects; mixing them by runtime type
        would make one answer out of two.
        """
        singles = [self.collector.single(item) for item in selections]
        return all(any(self.find((node,), single) for node in nodes) for single in singles)

    def _place_shared(self, base: SearchState, selections: Selections) -> frozenset[str]:
        """Place what an interface's subgraph answers for all types; return the response keys."""
        special = frozenset(
            key
            for fragment in self.collector.narrowing_fragments(base.type, selections)
            for key in _response_keys(fragment.selections)
        )
        shared = set()
        visit = base.visits[0]
        for key, item in self.collector.collect(base.type, selections).items():
            view, provided = base.resolve(visit.node, item.name)
            if key in special or view is None or view.needs_inputs:
                continue
            child: PathTree | None = None
            if item.selections:
                below = base.node_below(visit.node, view, provided)
                child = self.find((below,), item.selections)
                if child is None:
                    continue
            visit.fields.append(PlacedField(item, view, child))
            shared.add(key)
        return frozenset(shared)

    def _trees_by_type(
        self,
        base: SearchState,
        selections: Selections,
        candidates: frozenset[str],
        shared: frozenset[str],
    ) -> AbstractTree | None:
        trees: dict[str, ObjectTree] = {}
        for name in sorted(candidates):
            fields = self.collector.collect(name, selections)
            rest = [
                item
                for key, item in fields.items()
                if key not in shared and item.name not in LOCAL_FIELDS
            ]
            if not rest:
                continue
            self.collector.budget.expand(_TYPE)
            nodes = [self._as_type(visit.node, name) for visit in base.visits]
            tree = self._object_tree(name, nodes, rest)
            if tree is None:
                return None
            trees[name] = tree
        cost, fetches, depth, size = measure(base.visits)
        # Types share requests, so the most expensive one counts; the others only break ties.
        cost += TYPE_COST * sum(visit.entered for tree in trees.values() for visit in tree.visits)
        return AbstractTree(
            base.type,
            base.tree(),
            trees,
            cost + max((tree.cost for tree in trees.values()), default=0),
            fetches + max((tree.fetches for tree in trees.values()), default=0),
            depth + max((tree.depth for tree in trees.values()), default=0),
            size + max((tree.size for tree in trees.values()), default=0),
        )

    def _as_type(self, node: GraphNode, name: str) -> GraphNode:
        return node if self._is_interface_object(node) else replace(node, type=name)

    def _candidates(self, nodes: list[GraphNode]) -> frozenset[str]:
        """Return the object types that all nodes can mean; those of the first if there are none."""
        first = self.query_graph.possible_types_in(nodes[0].graph, nodes[0].type)
        common = first
        for node in nodes[1:]:
            common &= self.query_graph.possible_types_in(node.graph, node.type)
        view = self.query_graph.view(nodes[0].graph, nodes[0].type)
        if view is not None and view.kind == "UNION":
            for graph, name in nodes[0].peers:
                common &= self.query_graph.possible_types_in(graph, name)
        return common or first

    # --------------------------------------------------------------------------- @interfaceObject

    def _is_interface_object(self, node: GraphNode) -> bool:
        view = self.query_graph.view(node.graph, node.type)
        return view is not None and view.interface_object

    def _interface_object_tree(
        self, nodes: tuple[GraphNode, ...], selections: Selections
    ) -> PathTree | None:
        """Search from subgraphs that have an interface only as object, without runtime types."""
        name = nodes[0].type
        if not (has_typename(selections) or self.collector.narrowing_fragments(name, selections)):
            state = SearchState(self, name, [Visit(node) for node in nodes])
            tree = place_all(state, self.collector.collect(name, selections).values())
            if tree is not None:
                return AbstractTree(name, tree, {}, tree.cost, tree.fetches, tree.depth, tree.size)
        trees: list[AbstractTree] = []
        for graph, graph_view in self.query_graph.graphs.items():
            view = graph_view.types.get(name)
            if (
                view is None
                or view.kind != "INTERFACE"
                or not self.query_graph.key_edges(graph, name)
            ):
                continue
            state = SearchState(self, name, [Visit(node) for node in nodes])
            if enter(state, GraphNode(graph, name), "", None, NO_LIMITS, True) is None:
                continue
            typed = self._trees_by_type(state, selections, view.members, frozenset())
            if typed is not None:
                trees.append(typed)
        return min(trees, key=lambda tree: tree.cost, default=None)


def _response_keys(selections: Selections) -> Iterable[str]:
    for item in selections:
        if isinstance(item, Field):
            yield item.key
        else:
            yield from _response_keys(item.selections)
