"""Every type that a subgraph mentions is defined in that subgraph."""

from __future__ import annotations

from collections.abc import Iterator

from graphql import specified_scalar_types

from gateway.composition.across import Across
from gateway.composition.parts import Graph
from gateway.errors import Problem


def check(across: Across) -> Iterator[Problem]:
    """Yield a problem for every mention of a type that is not there."""
    for graph in across.graphs:
        for coordinate, name in _mentioned(graph):
            if name not in graph.types and name not in specified_scalar_types:
                yield Problem(
                    "INVALID_GRAPHQL",
                    f"The type {name} is used, but not defined.",
                    f"Define {name} in this subgraph; for an entity of another subgraph a stub with "
                    "its @key (resolvable: false) is enough.",
                    (graph.name,),
                    coordinate,
                )


def _mentioned(graph: Graph) -> Iterator[tuple[str, str]]:
    for kind in graph.types.values():
        for name in (*kind.interfaces, *kind.members):
            yield kind.name, name
        for item in kind.inputs.values():
            yield f"{kind.name}.{item.name}", item.named
        for field in kind.fields.values():
            yield f"{kind.name}.{field.name}", field.named
            for argument in field.arguments.values():
                yield f"{kind.name}.{field.name}({argument.name}:)", argument.named
