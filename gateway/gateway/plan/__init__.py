"""What a query plan is: data that an executor can follow without a look at any schema.

Two halves. The *nodes* say what to fetch, in which order, and how to build the representations of
entities. The *shape* says what the client's answer looks like. Between them lies one tree of JSON:
every fetch merges its answer into that tree, the shape is read from it at the end.

Merging is deep: an object takes the new keys, and where both sides hold an object (or lists of the
same length) they are merged in turn; where both hold a leaf, or one side is null, the value that is
not null wins, and of two the newer. Every object whose type matters carries `__typename`.
"""

from gateway.plan.nodes import (
    Condition,
    Entities,
    Fetch,
    Given,
    Node,
    Parallel,
    Pick,
    Recipe,
    Sequence,
    Source,
    Subscribe,
    Target,
)
from gateway.plan.paths import ALWAYS, Each, Guard, Key, Only, OperationKind, Path, Step
from gateway.plan.plan import Aside, Plan
from gateway.plan.printing import print_guard, print_path, print_plan
from gateway.plan.shape import Nullability, Piece, Shape, Slot

__all__ = [
    "ALWAYS",
    "Aside",
    "Condition",
    "Each",
    "Entities",
    "Fetch",
    "Given",
    "Guard",
    "Key",
    "Node",
    "Nullability",
    "Only",
    "OperationKind",
    "Parallel",
    "Path",
    "Pick",
    "Piece",
    "Plan",
    "Recipe",
    "Sequence",
    "Shape",
    "Slot",
    "Source",
    "Step",
    "Subscribe",
    "Target",
    "print_guard",
    "print_path",
    "print_plan",
]
