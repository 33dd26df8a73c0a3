"""Looks at all subgraphs side by side: who has a type, who answers a field, who took what over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from gateway.composition.field_sets import key_fields, provided_fields, used_fields
from gateway.composition.parts import Graph, Output, Type
from gateway.supergraph.views import Kind

Coordinate = tuple[str, str]  # type, field


@dataclass(frozen=True)
class Taken:
    """A field that another subgraph overrides."""

    by: Graph
    label: str | None


@dataclass(frozen=True)
class Across:
    """The subgraphs, and questions about all of them."""

    graphs: Sequence[Graph]

    @cached_property
    def sides(self) -> dict[str, list[tuple[Graph, Type]]]:
        """Every type by name, as each subgraph has it."""
        found: dict[str, list[tuple[Graph, Type]]] = {}
        for graph in self.graphs:
            for name, kind in graph.types.items():
                found.setdefault(name, []).append((graph, kind))
        return found

    @cached_property
    def roots(self) -> frozenset[str]:
        """The names of the root types."""
        return frozenset({"Query", "Mutation", "Subscription"})

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of the subgraphs."""
        return frozenset(graph.name for graph in self.graphs)

    @cached_property
    def stood_in_for(self) -> frozenset[str]:
        """The interfaces that some subgraph knows as an object."""
        return frozenset(
            name
            for graph in self.graphs
            for name, kind in graph.types.items()
            if kind.interface_object
        )

    def kind(self, name: str) -> Kind:
        """Return the kind of the merged type; an @interfaceObject is an interface."""
        kinds = [kind for _, kind in self.sides[name]]
        if any(kind.interface_object for kind in kinds):
            return "INTERFACE"
        return kinds[0].kind

    def fields(self, name: str) -> dict[str, list[tuple[Graph, Output]]]:
        """Return every field of a type, as each subgraph has it."""
        known = self._fields.get(name)
        if known is None:
            known = self._fields[name] = {}
            for graph, kind in self.sides[name]:
                for item in kind.fields.values():
                    known.setdefault(item.name, []).append((graph, item))
        return known

    @cached_property
    def _fields(self) -> dict[str, dict[str, list[tuple[Graph, Output]]]]:
        return {}

    @cached_property
    def _answering(self) -> dict[Coordinate, list[tuple[Graph, Output]]]:
        return {}

    @cached_property
    def used(self) -> dict[str, set[Coordinate]]:
        """What each subgraph's field sets use."""
        return {graph.name: used_fields(graph) for graph in self.graphs}

    @cached_property
    def in_keys(self) -> dict[str, set[Coordinate]]:
        """What each subgraph's keys use."""
        return {graph.name: key_fields(graph) for graph in self.graphs}

    @cached_property
    def provided(self) -> dict[str, set[Coordinate]]:
        """What each subgraph answers only where a @provides says so."""
        return {graph.name: provided_fields(graph) for graph in self.graphs}

    @cached_property
    def overridden(self) -> dict[tuple[str, str, str], Taken]:
        """Which (subgraph, type, field) another subgraph took over."""
        found: dict[tuple[str, str, str], Taken] = {}
        for graph in self.graphs:
            for kind, item in graph.outputs():
                source = item.override
                if source is not None and source in self.names and source != graph.name:
                    label = item.text("override", "label")
                    found[source, kind.name, item.name] = Taken(graph, label)
        return found

    def answering(self, name: str, field: str) -> list[tuple[Graph, Output]]:
        """Return the subgraphs that answer a field themselves, by the definite overrides."""
        known = self._answering.get((name, field))
        if known is None:
            known = self._answering[name, field] = [
                (graph, item)
                for graph, item in self.fields(name).get(field, ())
                if not item.external and not self.is_gone(graph, name, field)
            ]
        return known

    def is_gone(self, graph: Graph, name: str, field: str) -> bool:
        """Tell whether a field was taken over for good."""
        taken = self.overridden.get((graph.name, name, field))
        return taken is not None and taken.label is None

    def is_used(self, graph: Graph, name: str, field: str) -> bool:
        """Tell whether a subgraph itself still needs to know a field that it does not answer."""
        if (name, field) in self.used[graph.name]:
            return True
        kind = graph.types[name]
        return any(
            field in graph.types[interface].fields
            for interface in kind.interfaces
            if interface in graph.types
        )

    def possible(self, name: str) -> frozenset[str]:
        """Return all object types that a type can be in the merged schema."""
        return frozenset(
            item
            for graph, kind in self.sides.get(name, ())
            if not kind.interface_object
            for item in graph.possible(name)
        )

    def is_subtype(self, one: str, other: str) -> bool:
        """Tell whether every `one` is an `other` in the merged schema."""
        if one == other:
            return True
        for _, kind in self.sides.get(one, ()):
            if other in kind.interfaces:
                return True
        return any(one in kind.members for _, kind in self.sides.get(other, ()))

    @cached_property
    def input_types(self) -> frozenset[str]:
        """The named types used by arguments and input fields."""
        found: set[str] = set()
        for graph in self.graphs:
            for kind in graph.types.values():
                found.update(item.named for item in kind.inputs.values())
            for _, field in graph.outputs():
                found.update(item.named for item in field.arguments.values())
        return frozenset(found)

    @cached_property
    def output_types(self) -> frozenset[str]:
        """The named types that fields return."""
        return frozenset(item.named for graph in self.graphs for _, item in graph.outputs())
