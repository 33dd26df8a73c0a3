"""What a walk is: for one position of the answer, which subgraphs are visited and what each is asked.

A walk is the planner's decision before it becomes requests. A *stop* is a visit to a subgraph: either
given (the parent's request is already there) or entered (by key, or at a root). Each stop takes
fields; a composite field carries the walk of the position below it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.operation import Field
from gateway.planning.moves import Selections
from gateway.supergraph import FieldView

FETCH = 1000  # what one more request costs …
DEPTH = 600  # … and what it costs that it waits for another one
FIELD = 1
LATER = 3  # … and what a field costs for every request that it has to wait for
SHARE = 2  # … and what it costs that one more runtime type takes part in a request


PlaceKey = tuple[str, str, int, frozenset[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Place:
    """A subgraph that holds the object of a position, the type it sees, what a @provides adds.

    `peers` are the subgraphs that could hold it too, each with the type it sees: what one of them
    does not know as a member of a union, no client may count on.
    """

    graph: str
    type: str
    provided: Selections = ()
    peers: frozenset[tuple[str, str]] = frozenset()

    @property
    def key(self) -> PlaceKey:
        """Identity for memory: `provided` is compared by identity."""
        return (self.graph, self.type, id(self.provided) if self.provided else 0, self.peers)


@dataclass(frozen=True, slots=True)
class Taken:
    """A field taken at a stop; for composite fields, with the walk below."""

    field: Field
    view: FieldView
    child: Walk | None = None
    part: int = 0  # which given stop of the child this is, and …
    parts: int = 1  # … of how many: above one, several subgraphs fill the same object


@dataclass(slots=True)
class Stop:
    """One visit to one subgraph at a position."""

    place: Place
    entered: bool = False
    inputs: tuple[Selections, ...] = ()  # key first, then what @requires ask for
    after: frozenset[int] = frozenset()  # the stops that supply the inputs
    lag: int = 0  # how many further requests below those stops the inputs wait for
    taken: list[Taken] = field(default_factory=list)

    def copy(self) -> Stop:
        """Return a copy that may be changed."""
        return Stop(self.place, self.entered, self.inputs, self.after, self.lag, list(self.taken))


@dataclass(frozen=True, slots=True)
class ObjectWalk:
    """The walk of a position whose type is known."""

    type: str
    stops: tuple[Stop, ...]
    cost: int
    fetches: int
    depth: int
    size: int  # fields, all positions below included


@dataclass(frozen=True, slots=True)
class AbstractWalk:
    """The walk of a position of an interface or union.

    `base` takes what all types share. The walk of each type starts with the stops of `base` as its
    given stops.
    """

    type: str
    base: ObjectWalk
    by_type: dict[str, ObjectWalk]
    cost: int
    fetches: int
    depth: int
    size: int


Walk = ObjectWalk | AbstractWalk


def depths(stops: list[Stop] | tuple[Stop, ...]) -> list[int]:
    """Return for every stop how many requests come before its answer is there."""
    known: dict[int, int] = {}
    return [_depth(stops, index, known) for index in range(len(stops))]


# Not a function within `depths`: one that calls itself there is garbage that only the collector finds.
def _depth(stops: list[Stop] | tuple[Stop, ...], index: int, known: dict[int, int]) -> int:
    found = known.get(index)
    if found is not None:
        return found
    stop = stops[index]
    known[index] = 0  # a circle cannot happen; never hang on a mistake
    if not stop.entered:
        return 0
    before = 0 if stop.inputs else -1
    if stop.after:
        before = max([_depth(stops, earlier, known) for earlier in stop.after])
    known[index] = found = before + 1 + stop.lag
    return found


def measure(stops: list[Stop] | tuple[Stop, ...]) -> tuple[int, int, int, int]:
    """Return cost, number of fetches, depth and size of a list of stops."""
    cost = fetches = deepest = size = 0
    for stop, depth in zip(stops, depths(stops), strict=True):
        if stop.entered:
            cost += FETCH + DEPTH * depth
            fetches += 1
            deepest = max(deepest, depth)
        for item in stop.taken:
            fields = 1
            if item.child is not None and item.part == 0:
                fields += item.child.size
                cost += item.child.cost + DEPTH * depth * item.child.fetches
                fetches += item.child.fetches
                deepest = max(deepest, depth + item.child.depth)
            cost += FIELD + LATER * depth * fields
            size += fields
    return cost, fetches, deepest, size
