"""An @external field is used by a key, a @requires, a @provides or an interface."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.subgraph_set import SubgraphSet
from gateway.errors import Problem


def check(subgraphs: SubgraphSet) -> Iterator[Problem]:
    """Yield a problem for every @external field without a use."""
    for graph in subgraphs.graphs:
        if graph.federation < (2, 0):
            continue
        for definition, field in graph.outputs():
            if not field.has("external") or definition.kind == "INTERFACE":
                continue
            if not subgraphs.is_used(graph, definition.name, field.name):
                yield Problem(
                    "EXTERNAL_UNUSED",
                    "The field is @external, but nothing in this subgraph uses it.",
                    "Remove the field, or use it in a @key, @requires or @provides.",
                    (graph.name,),
                    f"{definition.name}.{field.name}",
                )
