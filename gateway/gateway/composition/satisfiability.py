"""Follows every path that a client can take, and reports fields that no subgraph can resolve there.

A position is a type together with the subgraphs that can hold the object there. From these, others
are entered by keys until no more are reachable; then one of them must resolve every field.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from graphql import GraphQLObjectType

from gateway.errors import Problem
from gateway.operation import Field, Selection, parse_field_set
from gateway.supergraph import FieldView, GraphView, Supergraph

_MOST_PROBLEMS = 25  # one mistake shows on many paths; more problems would only hide it


@dataclass(frozen=True)
class Holder:
    """A subgraph that holds an object: the type it sees, and what a @provides adds."""

    graph: str
    type: str
    provided: tuple[Selection, ...] = ()


Holders = frozenset[Holder]


class _Position(NamedTuple):
    """A position on a path, and the contexts that are set above it."""

    type: str
    holders: Holders
    path: tuple[str, ...]
    contexts: frozenset[str] = frozenset()


class _Resolver(NamedTuple):
    """A holder that resolves a field, and what it provides below."""

    holder: Holder
    view: FieldView
    provided: tuple[Selection, ...]


def find_unreachable(supergraph: Supergraph) -> list[Problem]:
    """Return a problem for every field that cannot be reached on some path."""
    return _PathCheck(supergraph).problems()


class _PathCheck:
    """Follow the paths of one supergraph.

    `busy` holds the fields whose @requires are being resolved, so that they cannot supply
    themselves.
    """

    def __init__(self, supergraph: Supergraph) -> None:
        self.schema = supergraph.schema
        self.graphs = supergraph.graphs
        self.setters = supergraph.contexts
        self.interface_objects = {
            name: [view.name for view in graph.types.values() if view.interface_object]
            for name, graph in self.graphs.items()
        }
        roots = (self.schema.query_type, self.schema.mutation_type, self.schema.subscription_type)
        self.roots = tuple(root.name for root in roots if root is not None)
        self.checked: set[tuple[str, Holders, frozenset[str]]] = set()
        self.unreachable: dict[str, Problem] = {}  # by coordinate
        self._sightings: dict[str, list[tuple[GraphView, list[str]]]] = {}
        self._members: dict[str, set[str]] = {}
        self._field_sets: dict[str, tuple[Selection, ...]] = {}

    def problems(self) -> list[Problem]:
        """Follow all paths from the roots; return the problems."""
        todo = [_Position(name, self.root_holders(name), (name,)) for name in self.roots]
        while todo and len(self.unreachable) < _MOST_PROBLEMS:
            position = todo.pop()
            key = (position.type, position.holders, position.contexts)
            if key in self.checked:
                continue
            self.checked.add(key)
            todo += self.check(position)
        return list(self.unreachable.values())

    def contexts(self, name: str) -> frozenset[str]:
        """Return the contexts that every object of a type sets."""
        return frozenset(
            context
            for context, types in self.setters.items()
            if any(name == setter or name in self.members(setter) for setter in types)
        )

    def check(self, position: _Position) -> Iterator[_Position]:
        """Report the fields that cannot be reached; yield the positions below the others."""
        name = position.type
        definition = self.schema.type_map.get(name)
        if not isinstance(definition, GraphQLObjectType):
            return
        reached = self.reachable(name, position.holders)
        contexts = position.contexts | self.contexts(name)
        for field in definition.fields:
            resolvers = [
                resolver
                for resolver in self.resolvers(name, reached, field, frozenset())
                if all(use[0] in position.contexts for use in resolver.view.context)
            ]
            path = (*position.path, f"{name}.{field}")
            if not resolvers:
                self.report(name, field, path, position.holders)
                continue
            self.check_runtime_type(resolvers, path)
            for below, holders in self.below(resolvers):
                yield _Position(below, holders, path, contexts)

    def check_runtime_type(self, resolvers: list[_Resolver], path: tuple[str, ...]) -> None:
        """Report `__typename` if only @interfaceObject types hold the object.

        One subgraph must define the interface itself to tell the object's runtime type.
        """
        holders: set[Holder] = set()
        for resolver in resolvers:
            graph = resolver.holder.graph
            view = self.graphs[graph].types.get(resolver.view.named)
            if view is None or not view.interface_object:
                return
            holders.add(Holder(graph, resolver.view.named))
        for name in {holder.type for holder in holders}:
            reached = self.reachable(name, frozenset(holders))
            views = [self.graphs[holder.graph].types[holder.type] for holder in reached]
            if self.members(name) and not any(view.kind == "INTERFACE" for view in views):
                self.report(name, "__typename", (*path, f"{name}.__typename"), frozenset(holders))

    def report(self, name: str, field: str, path: tuple[str, ...], holders: Holders) -> None:
        """Record the problem of a field, once."""
        coordinate = f"{name}.{field}"
        if coordinate in self.unreachable:
            return
        owners = tuple(
            graph.endpoint.name
            for graph in self.graphs.values()
            if name in graph.types and field in graph.types[name].fields
        )
        here = ", ".join(sorted({holder.graph for holder in holders})) or "no subgraph"
        requiring = [holder.graph for holder in holders if self.requires(holder, field)]
        if requiring:
            reason = (
                f"{requiring[0]} must be entered by a resolvable key with the fields of "
                "@requires, and cannot."
            )
            remedy = f"Give {name} a resolvable @key in {requiring[0]} that others can supply."
        else:
            reason = f"no subgraph that resolves it can be reached from {here}."
            remedy = (
                f"Give {name} a resolvable @key that {here} can supply in a subgraph that resolves "
                f"{field}, or let {here} resolve {field} itself with @shareable."
            )
        self.unreachable[coordinate] = Problem(
            "SATISFIABILITY_ERROR",
            f"The field can be selected on this path, but {reason}",
            remedy,
            owners,
            coordinate,
            path,
        )

    def requires(self, holder: Holder, field: str) -> bool:
        """Return whether a holder resolves a field with @requires."""
        view = self.graphs[holder.graph].types[holder.type].fields.get(field)
        return view is not None and bool(view.requires) and not view.external

    # ----------------------------------------------------------------------------------- reaching

    def root_holders(self, name: str) -> Holders:
        """Return all subgraphs that have a root type: it needs no key."""
        return frozenset(Holder(n, name) for n, graph in self.graphs.items() if name in graph.types)

    def reachable(self, name: str, holders: Holders, busy: frozenset[str] = frozenset()) -> Holders:
        """Return the holders and all subgraphs that can be entered from them by keys."""
        if name in self.roots:
            return holders | self.root_holders(name)
        reached = holders
        grown = True
        while grown:
            grown = False
            for graph, seen_types in self.sightings(name):
                for seen_type in seen_types:
                    holder = Holder(graph.endpoint.name, seen_type)
                    if any((h.graph, h.type) == (holder.graph, seen_type) for h in reached):
                        continue
                    if self.can_enter(name, reached, holder, busy):
                        reached |= {holder}
                        grown = True
        return reached

    def can_enter(self, name: str, reached: Holders, holder: Holder, busy: frozenset[str]) -> bool:
        """Return whether a resolvable key of a holder can be supplied."""
        return any(
            key.resolvable and self.can_resolve(name, reached, self.field_set(key.fields), busy)
            for key in self.graphs[holder.graph].types[holder.type].keys
        )

    def sightings(self, name: str) -> list[tuple[GraphView, list[str]]]:
        """Return the subgraphs that see a type, each with the types it sees it as."""
        sightings = self._sightings.get(name)
        if sightings is None:
            by_graph = ((graph, list(self.seen_as(graph, name))) for graph in self.graphs.values())
            sightings = self._sightings[name] = [(graph, seen) for graph, seen in by_graph if seen]
        return sightings

    def seen_as(self, graph: GraphView, name: str) -> Iterator[str]:
        """Yield the types that a subgraph sees a type as: itself, and each @interfaceObject."""
        if name in graph.types:
            yield name
        for other in self.interface_objects.get(graph.endpoint.name, ()):
            if other != name and name in self.members(other):
                yield other

    def members(self, name: str) -> set[str]:
        """Return the object types of an interface or union in any subgraph."""
        members = self._members.get(name)
        if members is None:
            members = self._members[name] = {
                member
                for graph in self.graphs.values()
                if name in graph.types
                for member in graph.types[name].members
            }
        return members

    def can_resolve(
        self, name: str, holders: Holders, selections: tuple[Selection, ...], busy: frozenset[str]
    ) -> bool:
        """Return whether the holders of an object can resolve a field set."""
        for item in selections:
            if not isinstance(item, Field):
                if item.type in (None, name) and not self.can_resolve(
                    name, holders, item.selections, busy
                ):
                    return False
                continue
            if item.name == "__typename":
                continue
            resolvers = self.resolvers(name, holders, item.name, busy)
            if not resolvers:
                return False
            if item.selections:
                for below, holders_below in self.below(resolvers):
                    reached = self.reachable(below, holders_below, busy)
                    if not self.can_resolve(below, reached, item.selections, busy):
                        return False
        return True

    def resolvers(
        self, name: str, holders: Holders, field: str, busy: frozenset[str]
    ) -> list[_Resolver]:
        """Return the holders that resolve a field, each with what it provides below."""
        resolvers = []
        for holder in holders:
            view = self.graphs[holder.graph].types[holder.type].fields.get(field)
            if view is None:
                continue
            provided = self.provided_below(name, holder.provided, field)
            resolved = not (view.external or view.overridden) or view.override_label is not None
            if not resolved and provided is None:
                continue
            if view.requires:
                key = f"{holder.graph}:{name}.{field}"
                if key in busy:
                    continue
                inner = busy | {key}
                reached = self.reachable(name, holders, inner)
                if not self.can_resolve(name, reached, self.field_set(view.requires), inner):
                    continue
                # The subgraph is entered once more with the required fields. Where none of its
                # keys is resolvable, Apollo composes and asks `_entities` all the same; here a
                # subgraph that declares that it resolves no reference is not asked.
                if not self.can_enter(name, reached, holder, inner):
                    continue
            resolvers.append(_Resolver(holder, view, provided or ()))
        return resolvers

    def provided_below(
        self, name: str, provided: tuple[Selection, ...], field: str
    ) -> tuple[Selection, ...] | None:
        """Return what is provided below a field; None if the field is not provided."""
        below: tuple[Selection, ...] | None = None
        for item in provided:
            if isinstance(item, Field):
                if item.name == field:
                    below = (below or ()) + item.selections
            elif item.type is None or item.type == name or name in self.members(item.type):
                inner = self.provided_below(name, item.selections, field)
                if inner is not None:
                    below = (below or ()) + inner
        return below

    def below(self, resolvers: list[_Resolver]) -> Iterator[tuple[str, Holders]]:
        """Yield the runtime types below a field, each with the subgraphs that can hold it."""
        by_type: dict[str, set[Holder]] = {}
        for resolver in resolvers:
            graph, field = resolver.holder.graph, resolver.view
            view = self.graphs[graph].types.get(field.named)
            if view is None or view.kind in ("SCALAR", "ENUM"):
                continue
            provided = resolver.provided
            if field.provides:
                provided += self.field_set(field.provides)
            if view.interface_object:
                for member in self.members(field.named):
                    holder = Holder(graph, field.named, provided)
                    by_type.setdefault(member, set()).add(holder)
                continue
            names = view.members if view.kind in ("INTERFACE", "UNION") else {field.named}
            for name in names:
                by_type.setdefault(name, set()).add(Holder(graph, name, provided))
        for name, holders in by_type.items():
            yield name, frozenset(holders)

    def field_set(self, text: str) -> tuple[Selection, ...]:
        """Parse a field set once."""
        selections = self._field_sets.get(text)
        if selections is None:
            selections = self._field_sets[text] = parse_field_set(text)
        return selections
