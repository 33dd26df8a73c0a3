"""What the client's answer looks like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.plan.paths import ALWAYS, Guard


@dataclass(frozen=True, slots=True)
class Nullability:
    """Where null may stand: for the value itself and, in a list, for its items."""

    required: bool
    item: Nullability | None = None

    def __str__(self) -> str:
        return (f"[{self.item}]" if self.item else "") + ("!" if self.required else "")


@dataclass(frozen=True, slots=True)
class Slot:
    """One response key of the client's answer."""

    key: str  # what the client calls it
    source: str  # what the merged tree calls it
    nullability: Nullability
    coordinate: str  # Type.field, for messages
    child: Shape | None = None  # None: a leaf, copied as it is
    values: frozenset[str] | None = None  # an enum's public values; anything else is an error
    typename: bool = False  # `__typename`: the object's own type, nothing to read from `source`
    guard: Guard = ALWAYS
    leaf_type: str | None = None  # the named type of a leaf, e.g. "Int"


@dataclass(frozen=True, slots=True)
class Shape:
    """What the client gets of one object: `slots` if its type is known, else by its `__typename`.

    An object whose `__typename` is not in `by_type` is a type that the client must not see: it is
    an error, and null.
    """

    type: str  # the type that the schema names here
    only_type: str | None  # the one runtime type possible, or None
    slots: tuple[Slot, ...]  # for `only_type`
    by_type: Mapping[str, tuple[Slot, ...]]  # for abstract types; shared tuples where equal
    later: Mapping[str, tuple[Piece, ...]] = field(default_factory=dict)  # deferred, by type


@dataclass(frozen=True, slots=True)
class Piece:
    """What the client gets of one object later: a deferred fragment."""

    name: str  # of the deferral: the test that holds when its turn has come
    label: str | None
    inside: tuple[str, ...]  # the names of the deferrals around it
    guard: Guard  # what the client's variables must say
    shape: Shape
