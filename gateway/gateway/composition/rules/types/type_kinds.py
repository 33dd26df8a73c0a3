"""A type has the same kind in every subgraph."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.subgraph_set import SubgraphSet
from gateway.errors import Problem


def check(subgraphs: SubgraphSet) -> Iterator[Problem]:
    """Yield a problem for every type with two kinds."""
    for name, declarations in subgraphs.declarations.items():
        kinds: dict[str, list[str]] = {}
        for graph, definition in declarations:
            kind = "INTERFACE" if definition.interface_object else definition.kind
            kinds.setdefault(kind, []).append(graph.name)
        if len(kinds) > 1:
            described = "; ".join(f"{kind} in {', '.join(names)}" for kind, names in kinds.items())
            yield Problem(
                "TYPE_KIND_MISMATCH",
                f"The type has different kinds: {described}.",
                "Give it one kind in all subgraphs, or rename one of the types.",
                tuple(graph.name for graph, _ in declarations),
                name,
            )
