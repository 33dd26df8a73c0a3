"""What to fetch, in which order, and how to make representations of entities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.plan.paths import ALWAYS, Guard, OperationKind, Path


@dataclass(frozen=True, slots=True)
class Pick:
    """One field of a representation: `name` is what the subgraph calls it, `source` our key.

    A value that is not there (missing key, or null where `children` expects an object) stays null.
    `children` empty: copy the JSON value as it is. Otherwise the value is an object, or lists of
    objects, and each object is built anew; an item of `by_type` adds picks for that `__typename`
    (then the child's `__typename` is also sent).
    """

    name: str
    source: str
    children: tuple[Pick, ...] = ()
    by_type: Mapping[str, tuple[Pick, ...]] = field(default_factory=dict)
    typename: bool = False  # send the child's __typename too


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to make a representation from an object of one runtime type.

    An object is skipped (asked from nobody) when one of the `needed` sources is missing or null.
    """

    typename: (
        str  # what `__typename` the representation carries (an interface for @interfaceObject)
    )
    picks: tuple[Pick, ...]
    needed: tuple[str, ...]  # sources of the key fields


@dataclass(frozen=True, slots=True)
class Source:
    """An object above that may hold a value: which one it is, and by its type the keys inside it."""

    depth: int  # how many keys and list items of the target's path lead to it
    by_type: Mapping[str, tuple[str, ...]]  # by the object's `__typename`
    certain: bool = False  # the object has the one type of `by_type`: no look needed


@dataclass(frozen=True, slots=True)
class Given:
    """A variable that every object of a target fills from above; the first source that fits counts."""

    variable: str
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """Objects of the merged tree that one `_entities` field completes."""

    path: Path
    recipes: Mapping[str, Recipe]  # by the object's `__typename`; other objects are left alone
    only_type: str | None = None  # set when every object at `path` has this type: no look needed
    given: tuple[Given, ...] = ()  # objects with different values are asked in different requests


@dataclass(frozen=True, slots=True)
class Entities:
    """One aliased `_entities` field: its answers are merged into the objects of its targets."""

    alias: str  # response key of the `_entities` field
    variable: str  # the variable that takes the list of representations
    targets: tuple[Target, ...]
    guard: Guard = ALWAYS  # not wanted: send an empty list


@dataclass(frozen=True, slots=True)
class Fetch:
    """One request to one subgraph; without `entities` its data is merged at `mount`."""

    id: int
    subgraph: str
    kind: OperationKind
    operation_name: str
    document: str
    variables: tuple[str, ...] = ()  # the client's variables that the document uses
    entities: tuple[Entities, ...] = ()
    after: tuple[int, ...] = ()  # ids of the fetches whose data this one needs
    selection: str = ""  # what is asked, without the boilerplate of `_entities`; for printing
    apart: bool = False  # equal entities may not share what is below: values from above differ
    mount: Path = ()  # the objects that root fields belong to; empty: the root of the tree


@dataclass(frozen=True, slots=True)
class Sequence:
    """One after the other."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Parallel:
    """All at once."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """Only when the guard holds."""

    guard: Guard
    node: Node


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Each event of `source` starts a new tree, which `then` completes."""

    source: Fetch
    then: Node | None


Node = Fetch | Sequence | Parallel | Condition | Subscribe
