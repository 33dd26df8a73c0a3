"""All subgraphs side by side: which declare a type, which own a field, which override it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from gateway.composition.field_sets import key_fields, provided_fields, used_fields
from gateway.composition.subgraph_schema import OutputField, SubgraphSchema, Type
from gateway.supergraph.views import Kind

Coordinate = tuple[str, str]  # type, field


@dataclass(frozen=True)
class FieldOverride:
    """The @override of a field in another subgraph; with a label it is progressive."""

    graph: SubgraphSchema
    label: str | None


@dataclass(frozen=True)
class SubgraphSet:
    """The subgraphs of one composition, with indexes over all of them."""

    graphs: Sequence[SubgraphSchema]

    @cached_property
    def declarations(self) -> dict[str, list[tuple[SubgraphSchema, Type]]]:
        """Return every type by name, as each subgraph declares it."""
        by_name: dict[str, list[tuple[SubgraphSchema, Type]]] = {}
        for graph in self.graphs:
            for name, definition in graph.types.items():
                by_name.setdefault(name, []).append((graph, definition))
        return by_name

    @cached_property
    def names(self) -> frozenset[str]:
        """Return the names of the subgraphs."""
        return frozenset(graph.name for graph in self.graphs)

    @cached_property
    def interface_objects(self) -> frozenset[str]:
        """Return the interfaces that at least one subgraph declares as @interfaceObject."""
        return frozenset(
            name
            for graph in self.graphs
            for name, definition in graph.types.items()
            if definition.interface_object
        )

    def kind(self, name: str) -> Kind:
        """Return the kind of the merged type; an @interfaceObject is an interface."""
        definitions = [definition for _, definition in self.declarations[name]]
        if any(definition.interface_object for definition in definitions):
            return "INTERFACE"
        return definitions[0].kind

    def fields(self, name: str) -> dict[str, list[tuple[SubgraphSchema, OutputField]]]:
        """Return every field of a type, as each subgraph declares it."""
        by_field = self._fields.get(name)
        if by_field is None:
            by_field = self._fields[name] = {}
            for graph, definition in self.declarations[name]:
                for field in definition.fields.values():
                    by_field.setdefault(field.name, []).append((graph, field))
        return by_field

    @cached_property
    def _fields(self) -> dict[str, dict[str, list[tuple[SubgraphSchema, OutputField]]]]:
        return {}

    @cached_property
    def _owners(self) -> dict[Coordinate, list[tuple[SubgraphSchema, OutputField]]]:
        return {}

    @cached_property
    def used(self) -> dict[str, set[Coordinate]]:
        """Return by subgraph the fields that its field sets use."""
        return {graph.name: used_fields(graph) for graph in self.graphs}

    @cached_property
    def in_keys(self) -> dict[str, set[Coordinate]]:
        """Return by subgraph the fields that its keys use."""
        return {graph.name: key_fields(graph) for graph in self.graphs}

    @cached_property
    def provided(self) -> dict[str, set[Coordinate]]:
        """Return by subgraph the fields that it resolves only where a @provides says so."""
        return {graph.name: provided_fields(graph) for graph in self.graphs}

    @cached_property
    def overridden(self) -> dict[tuple[str, str, str], FieldOverride]:
        """Return the overrides by (overridden subgraph, type, field)."""
        overrides: dict[tuple[str, str, str], FieldOverride] = {}
        for graph in self.graphs:
            for definition, field in graph.outputs():
                source = field.override
                if source is not None and source in self.names and source != graph.name:
                    label = field.text("override", "label")
                    overrides[source, definition.name, field.name] = FieldOverride(graph, label)
        return overrides

    def owners(self, name: str, field: str) -> list[tuple[SubgraphSchema, OutputField]]:
        """Return the subgraphs that resolve a field; definite overrides are applied."""
        owners = self._owners.get((name, field))
        if owners is None:
            owners = self._owners[name, field] = [
                (graph, declared)
                for graph, declared in self.fields(name).get(field, ())
                if not declared.external and not self.is_overridden(graph, name, field)
            ]
        return owners

    def is_overridden(self, graph: SubgraphSchema, name: str, field: str) -> bool:
        """Return whether another subgraph definitely overrides the field of this one."""
        override = self.overridden.get((graph.name, name, field))
        return override is not None and override.label is None

    def is_used(self, graph: SubgraphSchema, name: str, field: str) -> bool:
        """Return whether a subgraph itself needs the declaration of a field it does not resolve."""
        if (name, field) in self.used[graph.name]:
            return True
        return any(
            field in graph.types[interface].fields
            for interface in graph.types[name].interfaces
            if interface in graph.types
        )

    def interfaces(self, name: str) -> set[str]:
        """Return the interfaces that a type implements in any subgraph."""
        return {
            interface
            for _, definition in self.declarations[name]
            for interface in definition.interfaces
        }

    def possible_types(self, name: str) -> frozenset[str]:
        """Return all object types that a type can be in the merged schema."""
        return frozenset(
            member
            for graph, definition in self.declarations.get(name, ())
            if not definition.interface_object
            for member in graph.possible_types(name)
        )

    def is_subtype(self, narrow: str, wide: str) -> bool:
        """Return whether every object of one type is of the other type in the merged schema."""
        if narrow == wide:
            return True
        for _, definition in self.declarations.get(narrow, ()):
            if wide in definition.interfaces:
                return True
        return any(
            narrow in definition.members for _, definition in self.declarations.get(wide, ())
        )

    @cached_property
    def input_types(self) -> frozenset[str]:
        """Return the named types of arguments and input fields."""
        names: set[str] = set()
        for graph in self.graphs:
            for definition in graph.types.values():
                names.update(value.named for value in definition.inputs.values())
            for _, field in graph.outputs():
                names.update(value.named for value in field.arguments.values())
        return frozenset(names)

    @cached_property
    def output_types(self) -> frozenset[str]:
        """Return the named types of fields."""
        return frozenset(field.named for graph in self.graphs for _, field in graph.outputs())
