"""A supergraph has at least one query."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.subgraph_set import SubgraphSet
from gateway.errors import Problem


def check(subgraphs: SubgraphSet) -> Iterator[Problem]:
    """Yield a problem if no subgraph has a query."""
    if not any(definition.fields for _, definition in subgraphs.declarations.get("Query", ())):
        yield Problem(
            "NO_QUERIES",
            "No subgraph has a field on Query.",
            "Add at least one query to one subgraph.",
            tuple(graph.name for graph in subgraphs.graphs),
        )
