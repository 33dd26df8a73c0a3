"""An argument that one subgraph requires is declared by all that resolve the field."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.subgraph_set import SubgraphSet
from gateway.errors import Problem


def check(subgraphs: SubgraphSet) -> Iterator[Problem]:
    """Yield a problem for every required argument that another subgraph does not declare."""
    for name in subgraphs.declarations:
        for field in subgraphs.fields(name):
            owners = subgraphs.owners(name, field)
            for argument in dict.fromkeys(a for _, item in owners for a in item.arguments):
                requiring = [
                    graph.name
                    for graph, item in owners
                    if argument in item.arguments and item.arguments[argument].required
                ]
                lacking = [graph.name for graph, item in owners if argument not in item.arguments]
                if requiring and lacking:
                    yield Problem(
                        "REQUIRED_ARGUMENT_MISSING_IN_SOME_SUBGRAPH",
                        f"{', '.join(requiring)} requires the argument, {', '.join(lacking)} does "
                        "not declare it.",
                        "Add the argument to the latter, or make it optional in the former.",
                        tuple(graph.name for graph, _ in owners),
                        f"{name}.{field}({argument}:)",
                    )
