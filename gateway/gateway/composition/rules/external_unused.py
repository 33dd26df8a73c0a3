"""An @external field is there for a reason: a key, a @requires, a @provides or an interface."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.across import Across
from gateway.errors import Problem


def check(across: Across) -> Iterator[Problem]:
    """Yield a problem for every external field that nothing uses."""
    for graph in across.graphs:
        if graph.federation < (2, 0):
            continue
        for kind, field in graph.outputs():
            if not field.has("external") or kind.kind == "INTERFACE":
                continue
            if not across.is_used(graph, kind.name, field.name):
                yield Problem(
                    "EXTERNAL_UNUSED",
                    "The field is @external, but nothing in this subgraph uses it.",
                    "Remove the field, or use it in a @key, @requires or @provides.",
                    (graph.name,),
                    f"{kind.name}.{field.name}",
                )
