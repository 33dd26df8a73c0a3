"""The shape of the client's answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.plan.paths import ALWAYS, Guard


@dataclass(frozen=True, slots=True)
class Nullability:
    """Whether a value may be null and, in a list, whether its items may."""

    required: bool
    item: Nullability | None = None

    def __str__(self) -> str:
        return (f"[{self.item}]" if self.item else "") + ("!" if self.required else "")


@dataclass(frozen=True, slots=True)
class Slot:
    """One response key of the client's answer."""

    key: str  # in the answer
    source: str  # in the merged tree
    nullability: Nullability
    coordinate: str  # Type.field, for messages
    child: Shape | None = None  # None: a leaf, copied as it is
    values: frozenset[str] | None = None  # an enum's public values; anything else is an error
    typename: bool = False  # `__typename`: the object's type, not read from `source`
    guard: Guard = ALWAYS
    leaf_type: str | None = None  # the named type of a leaf, e.g. "Int"


@dataclass(frozen=True, slots=True)
class Shape:
    """The answer for one object: `slots` if its type is fixed, else `by_type`, by `__typename`.

    An object whose `__typename` is not in `by_type` has a type that is hidden from clients: it
    becomes null, with an error.
    """

    type: str  # the type that the schema names here
    only_type: str | None  # the one runtime type possible, or None
    slots: tuple[Slot, ...]  # for `only_type`
    by_type: Mapping[str, tuple[Slot, ...]]  # for abstract types; shared tuples where equal
    later: Mapping[str, tuple[Piece, ...]] = field(default_factory=dict)  # deferred, by type


@dataclass(frozen=True, slots=True)
class Piece:
    """The later part of the answer for one object: a deferred fragment."""

    name: str  # of the deferral; as a test it holds when its turn has come
    label: str | None
    inside: tuple[str, ...]  # the names of the deferrals around it
    guard: Guard  # on the client's variables
    shape: Shape
