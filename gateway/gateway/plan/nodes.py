"""The nodes of a plan: what to fetch, in which order, and how to build representations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.plan.paths import ALWAYS, Guard, OperationKind, Path


@dataclass(frozen=True, slots=True)
class Pick:
    """One field of a representation: `name` in the subgraph, `source` in the merged tree.

    A missing value (no such key, or null where `children` expects an object) is sent as null.
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
    """How to build a representation from an object of one runtime type.

    An object is skipped when one of the `needed` sources is missing or null.
    """

    typename: str  # `__typename` of the representation (an interface for @interfaceObject)
    picks: tuple[Pick, ...]
    needed: tuple[str, ...]  # sources of the key fields


@dataclass(frozen=True, slots=True)
class Source:
    """An object above that may hold a contextual value, and where it holds it."""

    depth: int  # how many keys and list items of the target's path lead to it
    by_type: Mapping[str, tuple[str, ...]]  # keys inside it, by its `__typename`
    certain: bool = False  # the object always has the one type of `by_type`


@dataclass(frozen=True, slots=True)
class ContextValue:
    """A variable filled from an object above, by the first source that matches."""

    variable: str
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """Objects of the merged tree that one `_entities` field completes."""

    path: Path
    recipes: Mapping[str, Recipe]  # by the object's `__typename`; other objects are skipped
    only_type: str | None = None  # set when every object at `path` has this type
    context_values: tuple[ContextValue, ...] = ()
    """Objects with different values go into different requests."""


@dataclass(frozen=True, slots=True)
class Entities:
    """One aliased `_entities` field: its answers are merged into the objects of its targets."""

    alias: str  # response key of the `_entities` field
    variable: str  # the variable that takes the list of representations
    targets: tuple[Target, ...]
    guard: Guard = ALWAYS  # where it does not hold, an empty list is sent


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
    selection: str = ""  # the selection set without the frame of `_entities`; for printing
    apart: bool = False  # equal entities cannot share an answer: their contextual values differ
    mount: Path = ()  # the objects that root fields belong to; empty: the root of the tree


@dataclass(frozen=True, slots=True)
class Sequence:
    """Nodes that run one after the other."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Parallel:
    """Nodes that run at the same time."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """A node that runs only when the guard holds."""

    guard: Guard
    node: Node


@dataclass(frozen=True, slots=True)
class Subscribe:
    """A subscription: each event of `source` starts a new tree, which `then` completes."""

    source: Fetch
    then: Node | None


Node = Fetch | Sequence | Parallel | Condition | Subscribe
