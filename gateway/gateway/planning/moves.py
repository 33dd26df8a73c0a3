"""What can be reached from where: the ownership facts of a supergraph, parsed and indexed once."""

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
class Answer:
    """A subgraph that can answer a field, seeing the object as `type`."""

    graph: str
    type: str
    field: FieldView


@dataclass(frozen=True, slots=True)
class KeyMove:
    """A resolvable key of a type in one subgraph."""

    selections: Selections


class Moves:
    """Questions about a supergraph, answered from indexes that fill as they are asked."""

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
        self._possible = _possible_types(supergraph)
        self._answers: dict[tuple[str, str], tuple[Answer, ...]] = {}
        self._keys: dict[tuple[str, str], tuple[KeyMove, ...]] = {}
        self._field_sets: dict[str, Selections] = {}

    def possible(self, name: str) -> frozenset[str]:
        """Return the object types that a type can be at run time, in the whole supergraph."""
        return self._possible.get(name) or frozenset((name,))

    def is_abstract(self, name: str) -> bool:
        """Tell whether a type is an interface or a union anywhere."""
        return name in self._possible

    def possible_in(self, graph: str, name: str) -> frozenset[str]:
        """Return the object types that a subgraph can mean by a type."""
        view = self.graphs[graph].types[name]
        return view.members if view.kind in ("INTERFACE", "UNION") else frozenset((name,))

    def view(self, graph: str, name: str) -> TypeView | None:
        """Return a type as a subgraph sees it."""
        return self.graphs[graph].types.get(name)

    def answers(self, type_name: str, field: str) -> tuple[Answer, ...]:
        """Return who can answer a field of an object, entered by key (or root) and not by a path."""
        known = self._answers.get((type_name, field))
        if known is None:
            known = tuple(self._find_answers(type_name, field))
            self._answers[type_name, field] = known
        return known

    def named(self, type_name: str, field: str) -> str | None:
        """Return the named type that a field returns in the supergraph, None where there is none."""
        parent = self.types.get(type_name)
        if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType) and field in parent.fields:
            return str(get_named_type(parent.fields[field].type).name)
        for graph in self.graphs.values():
            view = graph.types.get(type_name)
            if view is not None and field in view.fields:
                return view.fields[field].named
        return None

    def counts(self, view: FieldView) -> bool:
        """Tell whether a subgraph itself answers a field that it declares."""
        if view.override_label is not None:
            return (view.override_label in self.labels) is not view.overridden
        return not (view.external or view.overridden)

    def keys(self, graph: str, type_name: str) -> tuple[KeyMove, ...]:
        """Return the keys by which a type can be entered in a subgraph."""
        known = self._keys.get((graph, type_name))
        if known is None:
            view = self.graphs[graph].types.get(type_name)
            known = tuple(
                KeyMove(self.field_set(key.fields)) for key in _resolvable(view) if view is not None
            )
            self._keys[graph, type_name] = known
        return known

    def can_enter(self, graph: str, type_name: str) -> bool:
        """Tell whether a subgraph can be asked for this type out of the blue or by a key."""
        return type_name in self.roots.values() or bool(self.keys(graph, type_name))

    def field_set(self, text: str) -> Selections:
        """Parse a field set once; fields with arguments get response keys of their own."""
        known = self._field_sets.get(text)
        if known is None:
            known = tuple(own_keys(parse_field_set(text)))
            self._field_sets[text] = known
        return known

    def _find_answers(self, type_name: str, field: str) -> Iterable[Answer]:
        for name, graph in self.graphs.items():
            for seen_as in self._seen_as(graph, type_name):
                view = graph.types[seen_as].fields.get(field)
                if view is not None and self.counts(view):
                    yield Answer(name, seen_as, view)

    def _seen_as(self, graph: GraphView, type_name: str) -> Iterable[str]:
        if type_name in graph.types:
            yield type_name
        for name, view in graph.types.items():
            if view.interface_object and name != type_name and type_name in self.possible(name):
                yield name


@lru_cache(maxsize=4)
def moves_of(supergraph: Supergraph, labels: frozenset[str]) -> Moves:
    """Return the moves of a supergraph; the last few are kept, so that a reload frees the old ones."""
    return Moves(supergraph, labels)


def own_keys(selections: Selections) -> Iterable[Selection]:
    """Give fields with arguments response keys that other arguments cannot claim."""
    for item in selections:
        inner = tuple(own_keys(item.selections))
        if isinstance(item, Field) and item.arguments:
            digest = hashlib.blake2b(item.arguments.encode(), digest_size=3).hexdigest()
            yield replace(item, key=f"_{item.name}_{digest}", selections=inner, ours=True)
        elif isinstance(item, Fragment):
            yield replace(item, selections=inner)
        else:
            yield replace(item, key=item.name, selections=inner, ours=True)


def _resolvable(view: TypeView | None) -> tuple[EntityKey, ...]:
    return tuple(key for key in view.keys if key.resolvable) if view else ()


def _possible_types(supergraph: Supergraph) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for graph in supergraph.graphs.values():
        for name, view in graph.types.items():
            if view.kind in ("INTERFACE", "UNION"):
                found.setdefault(name, set()).update(view.members)
    for name, kind in supergraph.schema.type_map.items():
        if name in found:
            possible = getattr(kind, "types", None)
            if possible is None:
                possible = supergraph.schema.get_possible_types(kind)  # type: ignore[arg-type]
            found[name].update(item.name for item in possible)
    return {name: frozenset(types) for name, types in found.items()}
