"""The query graph: which subgraph resolves which field, and by which keys it can be entered.

A node of the graph is an object as one subgraph sees it. A *field edge* leads to a subgraph that
resolves a field of the object; a *key edge* enters a subgraph with the fields of an entity's key.
The edges are parsed and indexed once per supergraph and set of override labels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from graphql import GraphQLInterfaceType, GraphQLObjectType, get_named_type

from gateway.operation import Field, Fragment, OperationKind, Selection, parse_field_set
from gateway.supergraph import EntityKey, FieldView, GraphView, Supergraph, TypeView

Selections = tuple[Selection, ...]


@dataclass(frozen=True, slots=True)
class FieldEdge:
    """A subgraph that can resolve a field, seeing the object as `type`."""

    graph: str
    type: str
    field: FieldView


@dataclass(frozen=True, slots=True)
class KeyEdge:
    """A resolvable key of a type in one subgraph."""

    selections: Selections


class QueryGraph:
    """Index a supergraph for planning; every index fills with the first question it answers."""

    def __init__(self, supergraph: Supergraph, labels: frozenset[str]) -> None:
        self.graphs = supergraph.graphs
        self.labels = labels
        self.contexts = supergraph.contexts
        self.types = supergraph.schema.type_map
        schema = supergraph.schema
        roots: tuple[tuple[OperationKind, GraphQLObjectType | None], ...] = (
            ("query", schema.query_type),
            ("mutation", schema.mutation_type),
            ("subscription", schema.subscription_type),
        )
        self.roots = {kind: root.name for kind, root in roots if root is not None}
        self._possible_types = _possible_types(supergraph)
        self._field_edges: dict[tuple[str, str], tuple[FieldEdge, ...]] = {}
        self._key_edges: dict[tuple[str, str], tuple[KeyEdge, ...]] = {}
        self._field_sets: dict[str, Selections] = {}

    def possible_types(self, name: str) -> frozenset[str]:
        """Return the object types that a type can be at run time, in the whole supergraph."""
        return self._possible_types.get(name) or frozenset((name,))

    def is_abstract(self, name: str) -> bool:
        """Return whether a type is an interface or a union in any subgraph."""
        return name in self._possible_types

    def possible_types_in(self, graph: str, name: str) -> frozenset[str]:
        """Return the object types that a type can be in one subgraph."""
        view = self.graphs[graph].types[name]
        return view.members if view.kind in ("INTERFACE", "UNION") else frozenset((name,))

    def view(self, graph: str, name: str) -> TypeView | None:
        """Return a type as a subgraph sees it, None if the subgraph does not define it."""
        return self.graphs[graph].types.get(name)

    def field_edges(self, type_name: str, field: str) -> tuple[FieldEdge, ...]:
        """Return the subgraphs that resolve a field of an object entered by key or at a root."""
        edges = self._field_edges.get((type_name, field))
        if edges is None:
            edges = tuple(self._find_field_edges(type_name, field))
            self._field_edges[type_name, field] = edges
        return edges

    def named_type(self, type_name: str, field: str) -> str | None:
        """Return the named type that a field has in the supergraph, None if it has none."""
        parent = self.types.get(type_name)
        if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType) and field in parent.fields:
            return str(get_named_type(parent.fields[field].type).name)
        for graph in self.graphs.values():
            view = graph.types.get(type_name)
            if view is not None and field in view.fields:
                return view.fields[field].named
        return None

    def resolves(self, view: FieldView) -> bool:
        """Return whether a subgraph itself resolves a field that it declares."""
        if view.override_label is not None:
            return (view.override_label in self.labels) is not view.overridden
        return not (view.external or view.overridden)

    def key_edges(self, graph: str, type_name: str) -> tuple[KeyEdge, ...]:
        """Return the keys by which a type can be entered in a subgraph."""
        edges = self._key_edges.get((graph, type_name))
        if edges is None:
            view = self.graphs[graph].types.get(type_name)
            edges = tuple(KeyEdge(self.field_set(key.fields)) for key in _resolvable_keys(view))
            self._key_edges[graph, type_name] = edges
        return edges

    def can_enter(self, graph: str, type_name: str) -> bool:
        """Return whether a subgraph can be entered at this type: at a root, or by a key."""
        return type_name in self.roots.values() or bool(self.key_edges(graph, type_name))

    def field_set(self, text: str) -> Selections:
        """Parse a field set once; fields with arguments get response keys of their own."""
        selections = self._field_sets.get(text)
        if selections is None:
            selections = tuple(rekey_arguments(parse_field_set(text)))
            self._field_sets[text] = selections
        return selections

    def _find_field_edges(self, type_name: str, field: str) -> Iterable[FieldEdge]:
        for name, graph in self.graphs.items():
            for seen_type in self._seen_types(graph, type_name):
                view = graph.types[seen_type].fields.get(field)
                if view is not None and self.resolves(view):
                    yield FieldEdge(name, seen_type, view)

    def _seen_types(self, graph: GraphView, type_name: str) -> Iterable[str]:
        """Yield the types that a subgraph sees an object as: its own, or an @interfaceObject."""
        if type_name in graph.types:
            yield type_name
        for name, view in graph.types.items():
            if (
                view.interface_object
                and name != type_name
                and type_name in self.possible_types(name)
            ):
                yield name


@lru_cache(maxsize=4)
def query_graph_of(supergraph: Supergraph, labels: frozenset[str]) -> QueryGraph:
    """Return the query graph of a supergraph; only the last four are cached.

    A reload of the supergraph thereby frees the graphs of earlier ones.
    """
    return QueryGraph(supergraph, labels)


def rekey_arguments(selections: Selections) -> Iterable[Selection]:
    """Give fields with arguments response keys that the same field with other arguments lacks."""
    for item in selections:
        inner = tuple(rekey_arguments(item.selections))
        if isinstance(item, Field) and item.arguments:
            digest = hashlib.blake2b(item.arguments.encode(), digest_size=3).hexdigest()
            yield replace(item, key=f"_{item.name}_{digest}", selections=inner, ours=True)
        elif isinstance(item, Fragment):
            yield replace(item, selections=inner)
        else:
            yield replace(item, key=item.name, selections=inner, ours=True)


def _resolvable_keys(view: TypeView | None) -> tuple[EntityKey, ...]:
    return tuple(key for key in view.keys if key.resolvable) if view else ()


def _possible_types(supergraph: Supergraph) -> dict[str, frozenset[str]]:
    """Return the object types of every interface and union, over all subgraphs."""
    by_name: dict[str, set[str]] = {}
    for graph in supergraph.graphs.values():
        for name, view in graph.types.items():
            if view.kind in ("INTERFACE", "UNION"):
                by_name.setdefault(name, set()).update(view.members)
    for name, definition in supergraph.schema.type_map.items():
        if name in by_name:
            members = getattr(definition, "types", None)
            if members is None:
                members = supergraph.schema.get_possible_types(definition)  # type: ignore[arg-type]
            by_name[name].update(member.name for member in members)
    return {name: frozenset(types) for name, types in by_name.items()}
