"""Hides fields that a caller may not read before planning, so that they are never fetched.

A hidden field stays in the operation as a marked `__typename`, which needs no request, and becomes
null in the shape of the answer. Aliases, fragments and null propagation therefore work as if the
field had been null.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from graphql import (
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    is_abstract_type,
)

from gateway.operation import Field, Fragment, Operation, Selection
from gateway.plan import Guard, Nullability, Plan, Shape, Slot
from gateway.planning.guards import without_deferrals
from gateway.supergraph import Supergraph
from gateway.supergraph.rights import Right, Rights

MARK = "\x00"
EACH = "@"
Path = tuple[str, ...]
Holds = Callable[[Right], bool]


@dataclass(frozen=True, slots=True)
class Hidden:
    """One position that becomes null, unless one of its conditions leaves it out anyway."""

    path: Path
    """Response keys, `@` for the items of a list."""
    coordinate: str
    guards: tuple[Guard, ...]


class RightsFilter:
    """Hide fields by the rights that one supergraph demands."""

    def __init__(self, supergraph: Supergraph, rights: Rights) -> None:
        self.schema = supergraph.schema
        self.rights = rights
        self._demanded: dict[tuple[str, str], frozenset[Right]] = {}  # by type and field

    def demanded(self, operation: Operation) -> tuple[Right, ...]:
        """Return every right that the fields of an operation demand, in a stable order."""
        rights: dict[Right, None] = {}

        def collect(right: Right) -> bool:
            rights[right] = None
            return True

        self._hide(self._root(operation), operation.selections, collect, (), (), [])
        return tuple(rights)

    def hide(self, operation: Operation, holds: Holds) -> tuple[Operation, list[Hidden]]:
        """Return the operation as its caller may run it, and the positions that are hidden."""
        hidden: list[Hidden] = []
        selections = self._hide(self._root(operation), operation.selections, holds, (), (), hidden)
        return replace(operation, selections=selections), hidden

    def show_as_null(self, plan: Plan) -> Plan:
        """Return the plan with null at every hidden position."""
        done: dict[int, Shape] = {}
        return replace(
            plan,
            shape=self._shape(plan.shape, done),
            pieces=self._shape(plan.pieces, done) if plan.pieces is not None else None,
        )

    # --------------------------------------------------------------------------- the operation

    def _root(self, operation: Operation) -> GraphQLNamedType:
        kinds = {
            "query": self.schema.query_type,
            "mutation": self.schema.mutation_type,
            "subscription": self.schema.subscription_type,
        }
        root = kinds[operation.kind]
        assert root is not None  # the operation is valid
        return root

    def _hide(
        self,
        parent: GraphQLNamedType,
        selections: tuple[Selection, ...],
        holds: Holds,
        path: Path,
        guards: tuple[Guard, ...],
        hidden: list[Hidden],
    ) -> tuple[Selection, ...]:
        out: list[Selection] = []
        for item in selections:
            guard = without_deferrals(item.guard)
            within = (*guards, guard) if guard else guards
            if isinstance(item, Fragment):
                condition = self.schema.type_map[item.type] if item.type else parent
                inner = self._hide(condition, item.selections, holds, path, within, hidden)
                out.append(replace(item, selections=inner))
            elif item.name.startswith("__"):
                out.append(item)
            else:
                out += self._field(parent, item, holds, path, within, hidden)
        return tuple(out)

    def _field(
        self,
        parent: GraphQLNamedType,
        item: Field,
        holds: Holds,
        path: Path,
        guards: tuple[Guard, ...],
        hidden: list[Hidden],
    ) -> Iterator[Selection]:
        members = self._members(parent)
        everywhere = not self._may_read(parent.name, item.name, holds)
        denied = {name for name in members if not self._may_read(name, item.name, holds)}
        here = (*path, item.key)
        if everywhere or (denied and len(denied) == len(members)):
            hidden.append(Hidden(here, f"{parent.name}.{item.name}", guards))
            yield _marked(item)
            return
        assert isinstance(parent, GraphQLObjectType | GraphQLInterfaceType)
        field_type = parent.fields[item.name].type
        below = here + (EACH,) * _list_levels(field_type)
        named = get_named_type(field_type)
        inner = self._hide(named, item.selections, holds, below, guards, hidden)
        visible = replace(item, selections=inner)
        if not denied:
            yield visible
            return
        for name in members:  # the field is hidden for some runtime types: one fragment each
            if name in denied:
                hidden.append(Hidden(here, f"{name}.{item.name}", guards))
            yield Fragment(name, item.guard, (_marked(item) if name in denied else visible,))

    def _members(self, parent: GraphQLNamedType) -> list[str]:
        if not is_abstract_type(parent):
            return [parent.name]
        return sorted(member.name for member in self.schema.get_possible_types(parent))

    def _may_read(self, type_name: str, field: str, holds: Holds) -> bool:
        return all(holds(right) for right in self._demands(type_name, field))

    def _demands(self, type_name: str, field: str) -> frozenset[Right]:
        key = (type_name, field)
        rights = self._demanded.get(key)
        if rights is None:
            definition = self.schema.type_map[type_name]
            assert isinstance(definition, GraphQLObjectType | GraphQLInterfaceType)
            # What an interface demands holds for its implementations too; otherwise a fragment on
            # an implementation would circumvent it.
            interfaces = (each for each in definition.interfaces if field in each.fields)
            returned = get_named_type(definition.fields[field].type).name
            coordinates = [
                coordinate
                for owner in (definition, *interfaces)
                for coordinate in (owner.name, f"{owner.name}.{field}")
            ]
            rights = self._demanded[key] = frozenset(
                right
                for coordinate in (*coordinates, returned)
                for right in self.rights.get(coordinate, ())
            )
        return rights

    # ------------------------------------------------------------------------------- the shape

    def _shape(self, shape: Shape, done: dict[int, Shape]) -> Shape:
        changed = done.get(id(shape))
        if changed is None:
            changed = done[id(shape)] = replace(
                shape,
                slots=self._slots(shape.only_type or shape.type, shape.slots, done),
                by_type={
                    name: self._slots(name, slots, done) for name, slots in shape.by_type.items()
                },
                later={
                    name: tuple(
                        replace(piece, shape=self._shape(piece.shape, done)) for piece in pieces
                    )
                    for name, pieces in shape.later.items()
                },
            )
        return changed

    def _slots(
        self, type_name: str, slots: tuple[Slot, ...], done: dict[int, Shape]
    ) -> tuple[Slot, ...]:
        return tuple(
            self._null(type_name, slot)
            if MARK in slot.key
            else replace(slot, child=self._shape(slot.child, done))
            if slot.child is not None
            else slot
            for slot in slots
        )

    def _null(self, type_name: str, slot: Slot) -> Slot:
        key, _, name = slot.key.partition(MARK)
        parent = self.schema.type_map[type_name]
        assert isinstance(parent, GraphQLObjectType | GraphQLInterfaceType)
        return Slot(
            key=key,
            source=MARK,  # no subgraph can send this key
            nullability=Nullability(required=isinstance(parent.fields[name].type, GraphQLNonNull)),
            coordinate=f"{type_name}.{name}",
            guard=slot.guard,
        )


def _marked(item: Field) -> Field:
    return Field(key=f"{item.key}{MARK}{item.name}", name="__typename", guard=item.guard)


def _list_levels(field_type: object) -> int:
    levels = 0
    while isinstance(field_type, GraphQLNonNull | GraphQLList):
        levels += isinstance(field_type, GraphQLList)
        field_type = field_type.of_type
    return levels
