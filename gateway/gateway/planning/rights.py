"""Hides what a caller may not see before anything is planned, so that it is never fetched.

A hidden field stays in the operation as a marked `__typename`, which needs no request, and becomes
null in the shape of the answer; so aliases, fragments and null propagation work as if it had been null.
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
from gateway.planning.guards import spoken
from gateway.supergraph import Supergraph
from gateway.supergraph.rights import Right, Rights

MARK = "\x00"
EACH = "@"
Path = tuple[str, ...]
Holds = Callable[[Right], bool]


@dataclass(frozen=True, slots=True)
class Hidden:
    """One place that stays null, unless one of its conditions keeps it out anyway."""

    path: Path
    """Response keys, `@` for the entries of a list."""
    coordinate: str
    guards: tuple[Guard, ...]


class Curtain:
    """Knows the demands of one supergraph."""

    def __init__(self, supergraph: Supergraph, rights: Rights) -> None:
        self.schema = supergraph.schema
        self.rights = rights
        self._known: dict[tuple[str, str], frozenset[Right]] = {}

    def demanded(self, operation: Operation) -> tuple[Right, ...]:
        """Every demand that an operation meets, in a stable order."""
        found: dict[Right, None] = {}

        def note(right: Right) -> bool:
            found[right] = None
            return True

        self._hide(self._root(operation), operation.selections, note, (), (), [])
        return tuple(found)

    def hide(self, operation: Operation, holds: Holds) -> tuple[Operation, list[Hidden]]:
        """The operation as its caller may ask it, and what that leaves out."""
        hidden: list[Hidden] = []
        selections = self._hide(self._root(operation), operation.selections, holds, (), (), hidden)
        return replace(operation, selections=selections), hidden

    def show_as_null(self, plan: Plan) -> Plan:
        """The plan with null where something is hidden."""
        known: dict[int, Shape] = {}
        return replace(
            plan,
            shape=self._shape(plan.shape, known),
            pieces=self._shape(plan.pieces, known) if plan.pieces is not None else None,
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
            guard = spoken(item.guard)
            within = (*guards, guard) if guard else guards
            if isinstance(item, Fragment):
                kind = self.schema.type_map[item.type] if item.type else parent
                inner = self._hide(kind, item.selections, holds, path, within, hidden)
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
        everywhere = not self._may(parent.name, item.name, holds)
        denied = {name for name in members if not self._may(name, item.name, holds)}
        here = (*path, item.key)
        if everywhere or (denied and len(denied) == len(members)):
            hidden.append(Hidden(here, f"{parent.name}.{item.name}", guards))
            yield _marked(item)
            return
        assert isinstance(parent, GraphQLObjectType | GraphQLInterfaceType)
        kind = parent.fields[item.name].type
        below = here + (EACH,) * _levels(kind)
        inner = self._hide(get_named_type(kind), item.selections, holds, below, guards, hidden)
        seen = replace(item, selections=inner)
        if not denied:
            yield seen
            return
        for name in members:  # some of the types that may stand here are hidden: each for itself
            if name in denied:
                hidden.append(Hidden(here, f"{name}.{item.name}", guards))
            yield Fragment(name, item.guard, (_marked(item) if name in denied else seen,))

    def _members(self, parent: GraphQLNamedType) -> list[str]:
        if not is_abstract_type(parent):
            return [parent.name]
        return sorted(member.name for member in self.schema.get_possible_types(parent))

    def _may(self, type_name: str, field: str, holds: Holds) -> bool:
        return all(holds(right) for right in self._demands(type_name, field))

    def _demands(self, type_name: str, field: str) -> frozenset[Right]:
        key = (type_name, field)
        if key not in self._known:
            kind = self.schema.type_map[type_name]
            assert isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
            # An interface's demands hold for its implementations too, or a fragment would be a way around.
            owners = [kind, *(each for each in kind.interfaces if field in each.fields)]
            returned = get_named_type(kind.fields[field].type).name
            places = [place for each in owners for place in (each.name, f"{each.name}.{field}")]
            self._known[key] = frozenset(
                right for place in (*places, returned) for right in self.rights.get(place, ())
            )
        return self._known[key]

    # ------------------------------------------------------------------------------- the shape

    def _shape(self, shape: Shape, known: dict[int, Shape]) -> Shape:
        done = known.get(id(shape))
        if done is None:
            done = known[id(shape)] = replace(
                shape,
                slots=self._slots(shape.only_type or shape.type, shape.slots, known),
                by_type={
                    name: self._slots(name, slots, known) for name, slots in shape.by_type.items()
                },
                later={
                    name: tuple(
                        replace(piece, shape=self._shape(piece.shape, known)) for piece in pieces
                    )
                    for name, pieces in shape.later.items()
                },
            )
        return done

    def _slots(
        self, type_name: str, slots: tuple[Slot, ...], known: dict[int, Shape]
    ) -> tuple[Slot, ...]:
        return tuple(
            self._null(type_name, slot)
            if MARK in slot.key
            else replace(slot, child=self._shape(slot.child, known))
            if slot.child is not None
            else slot
            for slot in slots
        )

    def _null(self, type_name: str, slot: Slot) -> Slot:
        key, _, name = slot.key.partition(MARK)
        kind = self.schema.type_map[type_name].fields[name].type  # type: ignore[attr-defined]  # it has fields
        return Slot(
            key=key,
            source=MARK,  # which no subgraph can send
            nullability=Nullability(required=isinstance(kind, GraphQLNonNull)),
            coordinate=f"{type_name}.{name}",
            guard=slot.guard,
        )


def _marked(item: Field) -> Field:
    return Field(key=f"{item.key}{MARK}{item.name}", name="__typename", guard=item.guard)


def _levels(kind: object) -> int:
    levels = 0
    while isinstance(kind, GraphQLNonNull | GraphQLList):
        levels += isinstance(kind, GraphQLList)
        kind = kind.of_type
    return levels
