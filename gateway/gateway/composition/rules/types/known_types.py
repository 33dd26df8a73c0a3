"""Every type that a subgraph refers to is defined in that subgraph."""

from __future__ import annotations

from collections.abc import Iterator

from graphql import specified_scalar_types

from gateway.composition.subgraph_schema import SubgraphSchema
from gateway.composition.subgraph_set import SubgraphSet
from gateway.errors import Problem


def check(subgraphs: SubgraphSet) -> Iterator[Problem]:
    """Yield a problem for every reference to an undefined type."""
    for graph in subgraphs.graphs:
        for coordinate, name in _references(graph):
            if name not in graph.types and name not in specified_scalar_types:
                yield Problem(
                    "INVALID_GRAPHQL",
                    f"The type {name} is used, but this subgraph does not define it.",
                    f"Define {name} in this subgraph; for an entity of another subgraph a stub "
                    "with its @key (resolvable: false) is enough.",
                    (graph.name,),
                    coordinate,
                )


def _references(graph: SubgraphSchema) -> Iterator[tuple[str, str]]:
    for definition in graph.types.values():
        for name in (*definition.interfaces, *definition.members):
            yield definition.name, name
        for item in definition.inputs.values():
            yield f"{definition.name}.{item.name}", item.named
        for field in definition.fields.values():
            yield f"{definition.name}.{field.name}", field.named
            for argument in field.arguments.values():
                yield f"{definition.name}.{field.name}({argument.name}:)", argument.named
