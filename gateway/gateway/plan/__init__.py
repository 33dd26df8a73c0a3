"""A query plan: data that an executor can follow without reading any schema.

A plan has two halves. The *nodes* say what to fetch, in which order, and how to build the
representations of entities. The *shape* describes the client's answer. Between them is the *merged
tree*: every fetch merges its answer into this JSON, and at the end the shape is read from it.

Merging is deep: an object takes the new keys; two objects, or lists of the same length, under one
key are merged in turn; of a leaf and null the leaf wins, and of two leaves the newer one.
Every object whose type matters carries `__typename`.
"""

from gateway.plan.nodes import (
    Condition,
    ContextValue,
    Entities,
    Fetch,
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
from gateway.plan.plan import NestedIntrospection, Plan
from gateway.plan.printing import print_guard, print_path, print_plan
from gateway.plan.shape import Nullability, Piece, Shape, Slot

__all__ = [
    "ALWAYS",
    "Condition",
    "ContextValue",
    "Each",
    "Entities",
    "Fetch",
    "Guard",
    "Key",
    "NestedIntrospection",
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
