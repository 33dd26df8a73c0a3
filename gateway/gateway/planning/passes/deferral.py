"""Splits the shape of the answer where the client defers: the first answer and its later pieces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from graphql import GraphQLInterfaceType, GraphQLObjectType

from gateway.operation import Field, Fragment, Guard, Selection
from gateway.plan import Piece, Shape, Slot
from gateway.planning.guards import both, without_deferrals
from gateway.planning.passes.answer_shape import ShapeCompiler
from gateway.planning.query_graph import Selections
from gateway.planning.response_keys import JsonPath


def deferred_shape(compiler: ShapeCompiler, type_name: str, selections: Selections) -> Shape | None:
    """Return the shape of the first answer with its pieces; None when nothing is deferred."""
    if not _defers(selections):
        return None
    splitter = _Splitter(
        compiler.schema, compiler.query_graph, compiler.collector, compiler.response_keys
    )
    return splitter.shape(type_name, selections)


def _defers(selections: Selections) -> bool:
    return any(
        (isinstance(item, Fragment) and item.deferral is not None) or _defers(item.selections)
        for item in selections
    )


class _Splitter(ShapeCompiler):
    """Compile shapes without deferred fragments, which are attached to them as pieces."""

    def shape(self, type_name: str, selections: Selections, json: JsonPath = ()) -> Shape:
        """Return a shape with its deferred pieces attached."""
        shape = super().shape(type_name, selections, json)
        later = {}
        for name in (shape.only_type,) if shape.only_type else shape.by_type:
            pieces = tuple(self.pieces(name, selections, (), json))
            if pieces:
                later[name] = pieces
        return replace(shape, later=later) if later else shape

    def slots(
        self,
        parent: GraphQLObjectType | GraphQLInterfaceType,
        selections: Selections,
        json: JsonPath,
    ) -> tuple[Slot, ...]:
        """Return the slots without deferred fragments."""
        return super().slots(parent, self.without_deferred(selections), json)

    def slot(
        self, parent: GraphQLObjectType | GraphQLInterfaceType, item: Field, json: JsonPath
    ) -> Slot:
        """Return a slot without tests on deferrals: a piece is only read when its turn has come."""
        slot = super().slot(parent, item, json)
        return replace(slot, guard=without_deferrals(slot.guard)) if slot.guard else slot

    def without_deferred(self, selections: Selections) -> Selections:
        """Return selections without the deferred fragments at this level."""
        at_once: list[Selection] = []
        for item in selections:
            if isinstance(item, Field):
                at_once.append(item)
            elif item.deferral is None:
                inner = self.without_deferred(item.selections)
                at_once.append(
                    item if inner is item.selections else replace(item, selections=inner)
                )
        same = len(at_once) == len(selections) and all(
            left is right for left, right in zip(at_once, selections, strict=True)
        )
        return selections if same else tuple(at_once)

    def pieces(
        self, type_name: str, selections: Selections, guard: Guard, json: JsonPath
    ) -> Iterator[Piece]:
        """Yield the deferred fragments that apply to an object of this type."""
        possible = self.query_graph.possible_types(type_name)
        for item in selections:
            if isinstance(item, Field):
                continue
            joint = both(guard, without_deferrals(item.guard))
            if joint is None or not self.collector.covers(item.type, type_name, possible):
                continue
            if item.deferral is None:
                yield from self.pieces(type_name, item.selections, joint, json)
                continue
            definition = self.schema.type_map[type_name]
            assert isinstance(definition, GraphQLObjectType | GraphQLInterfaceType)
            slots = self.slots(definition, item.selections, json)
            nested = tuple(self.pieces(type_name, item.selections, (), json))
            yield Piece(
                name=item.deferral.name,
                label=item.deferral.label,
                inside=item.deferral.inside,
                guard=joint,
                shape=Shape(type_name, type_name, slots, {}, {type_name: nested} if nested else {}),
            )
