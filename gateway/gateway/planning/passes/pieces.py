"""Splits the shape of the answer where the client defers: what comes first, and the pieces that come later."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from graphql import GraphQLInterfaceType, GraphQLObjectType

from gateway.operation import Field, Fragment, Guard, Selection
from gateway.plan import Piece, Shape, Slot
from gateway.planning.guards import both, spoken
from gateway.planning.moves import Selections
from gateway.planning.names import JsonPath
from gateway.planning.passes.shape import Shaper


def pieces(shaper: Shaper, type_name: str, selections: Selections) -> Shape | None:
    """Return the shape of the first answer with its pieces; None when nothing is deferred."""
    if not _defers(selections):
        return None
    splitter = _Splitter(shaper.schema, shaper.moves, shaper.selecting, shaper.names)
    return splitter.shape(type_name, selections)


def _defers(selections: Selections) -> bool:
    return any(
        (isinstance(item, Fragment) and item.deferral is not None) or _defers(item.selections)
        for item in selections
    )


class _Splitter(Shaper):
    """Shapes without what is deferred; that hangs on the shape where it belongs."""

    def shape(self, type_name: str, selections: Selections, json: JsonPath = ()) -> Shape:
        shape = super().shape(type_name, selections, json)
        later = {}
        for name in (shape.only_type,) if shape.only_type else shape.by_type:
            found = tuple(self.pieces(name, selections, (), json))
            if found:
                later[name] = found
        return replace(shape, later=later) if later else shape

    def slots(
        self,
        parent: GraphQLObjectType | GraphQLInterfaceType,
        selections: Selections,
        json: JsonPath,
    ) -> tuple[Slot, ...]:
        return super().slots(parent, self.first(selections), json)

    def slot(
        self, parent: GraphQLObjectType | GraphQLInterfaceType, item: Field, json: JsonPath
    ) -> Slot:
        """Return a slot that does not wait for turns: its piece is only read in its turn."""
        slot = super().slot(parent, item, json)
        return replace(slot, guard=spoken(slot.guard)) if slot.guard else slot

    def first(self, selections: Selections) -> Selections:
        """Return selections without the deferred fragments at this level."""
        kept: list[Selection] = []
        for item in selections:
            if isinstance(item, Field):
                kept.append(item)
            elif item.deferral is None:
                inner = self.first(item.selections)
                kept.append(item if inner is item.selections else replace(item, selections=inner))
        same = len(kept) == len(selections) and all(
            one is other for one, other in zip(kept, selections, strict=True)
        )
        return selections if same else tuple(kept)

    def pieces(
        self, type_name: str, selections: Selections, guard: Guard, json: JsonPath
    ) -> Iterator[Piece]:
        """Yield the deferred fragments that an object of this type owes."""
        possible = self.moves.possible(type_name)
        for item in selections:
            if isinstance(item, Field):
                continue
            joint = both(guard, spoken(item.guard))
            if joint is None or not self.selecting.covers(item.type, type_name, possible):
                continue
            if item.deferral is None:
                yield from self.pieces(type_name, item.selections, joint, json)
                continue
            kind = self.schema.type_map[type_name]
            assert isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
            slots = self.slots(kind, item.selections, json)
            nested = tuple(self.pieces(type_name, item.selections, (), json))
            yield Piece(
                name=item.deferral.name,
                label=item.deferral.label,
                inside=item.deferral.inside,
                guard=joint,
                shape=Shape(type_name, type_name, slots, {}, {type_name: nested} if nested else {}),
            )
