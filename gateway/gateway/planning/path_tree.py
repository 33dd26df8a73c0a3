"""The path tree: which subgraphs answer each position of an operation, and what each is asked.

A path tree is the planner's decision before it becomes requests. At every position it holds
*visits* to subgraphs. A visit is either given (the request of the parent position is already in
that subgraph) or entered (by key, or at a root). Fields are placed at visits; a composite field
carries the path tree of the position below it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.operation import Field
from gateway.planning.query_graph import Selections
from gateway.supergraph import FieldView

# The costs that a search compares. They have no unit; only their proportions matter.
FETCH_COST = 1000  # one more request
DEPTH_COST = 600  # a request waits for another one
FIELD_COST = 1  # one more field
LATER_COST = 3  # a field waits, for every request that comes before it
TYPE_COST = 2  # one more runtime type takes part in a request


NodeKey = tuple[str, str, int, frozenset[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A node of the query graph: a subgraph, the type it sees, and what a @provides adds there.

    `peers` are the other subgraphs that could hold the object, each with the type it sees: a member
    of a union that one of them does not define is not part of the answer.
    """

    graph: str
    type: str
    provided: Selections = ()
    peers: frozenset[tuple[str, str]] = frozenset()

    @property
    def key(self) -> NodeKey:
        """Return a key for memoised answers; `provided` is compared by identity."""
        return (self.graph, self.type, id(self.provided) if self.provided else 0, self.peers)


@dataclass(frozen=True, slots=True)
class PlacedField:
    """A field placed at a visit; composite fields carry the path tree below."""

    field: Field
    view: FieldView
    child: PathTree | None = None
    part: int = 0  # which given visit of the child this is, and …
    parts: int = 1  # … of how many: above one, several subgraphs fill the same object


@dataclass(slots=True)
class Visit:
    """One visit to one subgraph at a position."""

    node: GraphNode
    entered: bool = False
    inputs: tuple[Selections, ...] = ()  # key first, then the field sets of @requires
    after: frozenset[int] = frozenset()  # indexes of the visits that supply the inputs
    lag: int = 0  # how many further requests below those visits the inputs wait for
    fields: list[PlacedField] = field(default_factory=list)

    def copy(self) -> Visit:
        """Return a copy that may be changed."""
        return Visit(self.node, self.entered, self.inputs, self.after, self.lag, list(self.fields))


@dataclass(frozen=True, slots=True)
class ObjectTree:
    """The path tree of a position with one runtime type."""

    type: str
    visits: tuple[Visit, ...]
    cost: int
    fetches: int
    depth: int
    size: int  # fields, all positions below included


@dataclass(frozen=True, slots=True)
class AbstractTree:
    """The path tree of a position of an interface or union.

    `base` holds the fields that all runtime types share. The tree of each type starts with the
    visits of `base` as its given visits.
    """

    type: str
    base: ObjectTree
    by_type: dict[str, ObjectTree]
    cost: int
    fetches: int
    depth: int
    size: int


PathTree = ObjectTree | AbstractTree


def visit_depths(visits: list[Visit] | tuple[Visit, ...]) -> list[int]:
    """Return for every visit how many requests are sent before its answer arrives."""
    depths: dict[int, int] = {}
    return [_visit_depth(visits, index, depths) for index in range(len(visits))]


# Not nested in `visit_depths`: a closure that calls itself is a reference cycle, which only the
# garbage collector frees.
def _visit_depth(
    visits: list[Visit] | tuple[Visit, ...], index: int, depths: dict[int, int]
) -> int:
    depth = depths.get(index)
    if depth is not None:
        return depth
    visit = visits[index]
    depths[index] = 0  # visits never wait for each other in a circle; a defect must not loop here
    if not visit.entered:
        return 0
    before = 0 if visit.inputs else -1
    if visit.after:
        before = max([_visit_depth(visits, earlier, depths) for earlier in visit.after])
    depths[index] = depth = before + 1 + visit.lag
    return depth


def measure(visits: list[Visit] | tuple[Visit, ...]) -> tuple[int, int, int, int]:
    """Return cost, number of fetches, depth and size of a list of visits."""
    cost = fetches = deepest = size = 0
    for visit, depth in zip(visits, visit_depths(visits), strict=True):
        if visit.entered:
            cost += FETCH_COST + DEPTH_COST * depth
            fetches += 1
            deepest = max(deepest, depth)
        for item in visit.fields:
            fields = 1
            if item.child is not None and item.part == 0:
                fields += item.child.size
                cost += item.child.cost + DEPTH_COST * depth * item.child.fetches
                fetches += item.child.fetches
                deepest = max(deepest, depth + item.child.depth)
            cost += FIELD_COST + LATER_COST * depth * fields
            size += fields
    return cost, fetches, deepest, size
