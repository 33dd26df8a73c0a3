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
from gateway.planning.moves import Moves, Selections
from gateway.planning.names import JsonPath, Names
from gateway.planning.selecting import Selecting

_SLOT = 3  # what compiling one slot costs, in steps of the budget
_TYPENAME = Nullability(required=True)


class Shaper:
    """Compiles shapes; equal questions share their answer."""

    def __init__(
        self, schema: GraphQLSchema, moves: Moves, selecting: Selecting, names: Names
    ) -> None:
        self.schema = schema
        self.moves = moves
        self.selecting = selecting
        self.names = names
        self.enums: dict[str, frozenset[str]] = {}
        self.nulls: dict[str, Nullability] = {}
        self._below: dict[tuple[str, int, JsonPath], Shape] = {}
        self.asides: dict[tuple[JsonPath, str], Field] = {}
        """Questions about the schema below the root, by the place of their answer."""

    def shape(self, type_name: str, selections: Selections, json: JsonPath = ()) -> Shape:
        """Return the shape of one object position."""
        kind = self.schema.type_map[type_name]
        if isinstance(kind, GraphQLObjectType):
            return Shape(type_name, type_name, self.slots(kind, selections, json), {})
        assert is_abstract_type(kind)
        by_type = {
            member.name: self.slots(member, selections, json)
            for member in sorted(self.schema.get_possible_types(kind), key=lambda item: item.name)
        }
        if isinstance(kind, GraphQLInterfaceType):
            for graph in self.moves.graphs.values():
                view = graph.types.get(type_name)
                if view is not None and view.interface_object:
                    by_type[type_name] = self.slots(kind, selections, json)
                    break
        return Shape(type_name, None, (), _share(by_type))

    def slots(
        self,
        parent: GraphQLObjectType | GraphQLInterfaceType,
        selections: Selections,
        json: JsonPath,
    ) -> tuple[Slot, ...]:
        """Return what a client gets of one type."""
        return tuple(
            self.slot(parent, item, json)
            for item in self.selecting.fields(parent.name, selections).values()
            if item.name.startswith("__") or item.name in parent.fields
        )

    def slot(
        self, parent: GraphQLObjectType | GraphQLInterfaceType, item: Field, json: JsonPath
    ) -> Slot:
        self.selecting.budget.expand(_SLOT)
        coordinate = f"{parent.name}.{item.name}"
        if item.name == "__typename":
            return Slot(
                item.key, "__typename", _TYPENAME, coordinate, typename=True, guard=item.guard
            )
        if item.name in LOCAL:  # answered here, as one ready value
            required = Nullability(required=item.name == "__schema")
            if not json:
                return Slot(item.key, item.key, required, coordinate, guard=item.guard)
            source = f"\x01{item.key}"  # no subgraph can send it
            self.asides[json, source] = item
            return Slot(item.key, source, required, coordinate, guard=item.guard)
        source = self.names.source(json, parent.name, item)
        kind = parent.fields[item.name].type
        named = get_named_type(kind)
        leaf = is_leaf_type(named)
        return Slot(
            key=item.key,
            source=source,
            nullability=self.nullability(kind),
            coordinate=coordinate,
            child=None if leaf else self.below(named.name, item.selections, (*json, source)),
            values=self.values(named) if isinstance(named, GraphQLEnumType) else None,
            guard=item.guard,
            leaf_type=named.name if leaf else None,
        )

    def below(self, type_name: str, selections: Selections, json: JsonPath) -> Shape:
        """Return the shape of a position, one for all runtime types above it that ask the same.

        Otherwise every level of an interface within itself would multiply the shapes.
        """
        key = (type_name, id(selections), json)
        known = self._below.get(key)
        if known is None:
            known = self._below[key] = self.shape(type_name, selections, json)
        return known

    def values(self, kind: GraphQLEnumType) -> frozenset[str]:
        """Return the public values of an enum."""
        if kind.name not in self.enums:
            self.enums[kind.name] = frozenset(kind.values)
        return self.enums[kind.name]

    def nullability(self, kind: GraphQLOutputType) -> Nullability:
        """Return where null may stand in values of a type."""
        text = str(kind)
        if text not in self.nulls:
            self.nulls[text] = _nullability(kind)
        return self.nulls[text]


def _nullability(kind: GraphQLOutputType) -> Nullability:
    required = isinstance(kind, GraphQLNonNull)
    inner = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
    item = _nullability(inner.of_type) if isinstance(inner, GraphQLList) else None
    return Nullability(required, item)


def _share(by_type: Mapping[str, tuple[Slot, ...]]) -> dict[str, tuple[Slot, ...]]:
    """Let types with equal slots hold one tuple, so that an executor can prepare it once."""
    known: dict[tuple[object, ...], tuple[Slot, ...]] = {}
    shared = {}
    for name, slots in by_type.items():
        plain = all(slot.child is None and not slot.typename for slot in slots)
        key = tuple((slot.key, slot.source, slot.nullability, slot.guard) for slot in slots)
        shared[name] = known.setdefault(key, slots) if plain and not _has_enum(slots) else slots
    return shared


def _has_enum(slots: tuple[Slot, ...]) -> bool:
    return any(slot.values is not None for slot in slots)
