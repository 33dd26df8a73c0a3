"""A whole plan: the nodes to run, and the shape of the answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gateway.plan.nodes import Condition, Fetch, Node, Parallel, Sequence, Subscribe
from gateway.plan.paths import OperationKind
from gateway.plan.shape import Shape


@dataclass(frozen=True, slots=True)
class NestedIntrospection:
    """An introspection field below the root, reached through a field that returns `Query`."""

    path: tuple[str, ...]  # of the objects, in the merged tree
    source: str  # the key of the answer in each of them
    document: str  # selects one field, `answer`
    variables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that execution needs, so that nothing is computed per request."""

    kind: OperationKind
    root: Node | None  # None: nothing to fetch
    shape: Shape
    introspection: str | None = None  # a document with only `__schema` and `__type`
    introspection_variables: tuple[str, ...] = ()
    nested_introspection: tuple[NestedIntrospection, ...] = ()
    aliases: Mapping[str, str] = field(
        default_factory=dict
    )  # our keys → the client's, for error paths
    operation_name: str | None = None
    pieces: Shape | None = None  # the shape of the first answer, where the client defers parts

    def fetches(self) -> Iterator[Fetch]:
        """Yield every fetch, in the order in which the plan is printed."""
        return _fetches(self.root)


def _fetches(node: Node | None) -> Iterator[Fetch]:
    match node:
        case None:
            return
        case Fetch():
            yield node
        case Condition():
            yield from _fetches(node.node)
        case Subscribe():
            yield node.source
            yield from _fetches(node.then)
        case Sequence() | Parallel():
            for child in node.nodes:
                yield from _fetches(child)
