"""Compiles the shape of the client's answer from the operation and the public schema."""

from __future__ import annotations

from collections.abc import Mapping

from graphql import (
    GraphQLEnumType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
)

from gateway.operation import LOCAL, Field
from gateway.plan import Nullability, Shape, Slot
from gateway.planning.field_collection import FieldCollector
from gateway.planning.query_graph import QueryGraph, Selections
from gateway.planning.response_keys import JsonPath, ResponseKeys

_SLOT = 3  # what compiling one slot costs, in steps of the budget
_TYPENAME = Nullability(required=True)


class ShapeCompiler:
    """Compile shapes; equal positions share their shape."""

    def __init__(
        self,
        schema: GraphQLSchema,
        query_graph: QueryGraph,
        collector: FieldCollector,
        response_keys: ResponseKeys,
    ) -> None:
        self.schema = schema
        self.query_graph = query_graph
        self.collector = collector
        self.response_keys = response_keys
        self.enums: dict[str, frozenset[str]] = {}
        self.nulls: dict[str, Nullability] = {}
        self._below: dict[tuple[str, int, JsonPath], Shape] = {}
        self.nested_introspection: dict[tuple[JsonPath, str], Field] = {}
        """Introspection fields below the root, by path of their object and key of their answer."""

    def shape(self, type_name: str, selections: Selections, json: JsonPath = ()) -> Shape:
        """Return the shape of one object position."""
        definition = self.schema.type_map[type_name]
        if isinstance(definition, GraphQLObjectType):
            return Shape(type_name, type_name, self.slots(definition, selections, json), {})
        assert is_abstract_type(definition)
        by_type = {
            member.name: self.slots(member, selections, json)
            for member in sorted(
                self.schema.get_possible_types(definition), key=lambda item: item.name
            )
        }
        if isinstance(definition, GraphQLInterfaceType):
            for graph in self.query_graph.graphs.values():
                view = graph.types.get(type_name)
                if view is not None and view.interface_object:
                    by_type[type_name] = self.slots(definition, selections, json)
                    break
        return Shape(type_name, None, (), _share(by_type))

    def slots(
        self,
        parent: GraphQLObjectType | GraphQLInterfaceType,
        selections: Selections,
        json: JsonPath,
    ) -> tuple[Slot, ...]:
        """Return the slots of an object of one type."""
        return tuple(
            self.slot(parent, item, json)
            for item in self.collector.collect(parent.name, selections).values()
            if item.name.startswith("__") or item.name in parent.fields
        )

    def slot(
        self, parent: GraphQLObjectType | GraphQLInterfaceType, item: Field, json: JsonPath
    ) -> Slot:
        """Return the slot of one selected field."""
        self.collector.budget.expand(_SLOT)
        coordinate = f"{parent.name}.{item.name}"
        if item.name == "__typename":
            return Slot(
                item.key, "__typename", _TYPENAME, coordinate, typename=True, guard=item.guard
            )
        if item.name in LOCAL:  # answered by the gateway, as one ready value
            required = Nullability(required=item.name == "__schema")
            if not json:
                return Slot(item.key, item.key, required, coordinate, guard=item.guard)
            source = f"\x01{item.key}"  # no subgraph can send it
            self.nested_introspection[json, source] = item
            return Slot(item.key, source, required, coordinate, guard=item.guard)
        source = self.response_keys.source(json, parent.name, item)
        field_type = parent.fields[item.name].type
        named = get_named_type(field_type)
        leaf = is_leaf_type(named)
        return Slot(
            key=item.key,
            source=source,
            nullability=self.nullability(field_type),
            coordinate=coordinate,
            child=None if leaf else self.below(named.name, item.selections, (*json, source)),
            values=self.values(named) if isinstance(named, GraphQLEnumType) else None,
            guard=item.guard,
            leaf_type=named.name if leaf else None,
        )

    def below(self, type_name: str, selections: Selections, json: JsonPath) -> Shape:
        """Return the shape of a position, shared by all types above with equal selections.

        Without sharing, every level of an interface within itself would multiply the shapes.
        """
        key = (type_name, id(selections), json)
        shape = self._below.get(key)
        if shape is None:
            shape = self._below[key] = self.shape(type_name, selections, json)
        return shape

    def values(self, enum: GraphQLEnumType) -> frozenset[str]:
        """Return the public values of an enum."""
        if enum.name not in self.enums:
            self.enums[enum.name] = frozenset(enum.values)
        return self.enums[enum.name]

    def nullability(self, output_type: GraphQLOutputType) -> Nullability:
        """Return where values of a type may be null."""
        text = str(output_type)
        if text not in self.nulls:
            self.nulls[text] = _nullability(output_type)
        return self.nulls[text]


def _nullability(output_type: GraphQLOutputType) -> Nullability:
    required = isinstance(output_type, GraphQLNonNull)
    inner = output_type.of_type if isinstance(output_type, GraphQLNonNull) else output_type
    item = _nullability(inner.of_type) if isinstance(inner, GraphQLList) else None
    return Nullability(required, item)


def _share(by_type: Mapping[str, tuple[Slot, ...]]) -> dict[str, tuple[Slot, ...]]:
    """Give types with equal slots the same tuple, so that an executor prepares it once."""
    tuples: dict[tuple[object, ...], tuple[Slot, ...]] = {}
    shared = {}
    for name, slots in by_type.items():
        plain = all(slot.child is None and not slot.typename for slot in slots)
        key = tuple((slot.key, slot.source, slot.nullability, slot.guard) for slot in slots)
        shared[name] = tuples.setdefault(key, slots) if plain and not _has_enum(slots) else slots
    return shared


def _has_enum(slots: tuple[Slot, ...]) -> bool:
    return any(slot.values is not None for slot in slots)
