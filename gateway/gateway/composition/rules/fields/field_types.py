"""Subgraphs resolve a field with one type, or one of the types is wider than all others."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.subgraph_set import SubgraphSet
from gateway.composition.type_references import merge_output, merge_types
from gateway.errors import Problem


def check(subgraphs: SubgraphSet) -> Iterator[Problem]:
    """Yield a problem for every field whose types cannot be merged."""
    for name in subgraphs.declarations:
        for field in subgraphs.fields(name):
            owners = subgraphs.owners(name, field)
            types = [item.type for _, item in owners]
            if not types or merge_types(
                types, lambda a, b: merge_output(a, b, subgraphs.is_subtype)
            ):
                continue
            described = ", ".join(f"{item.type} in {graph.name}" for graph, item in owners)
            yield Problem(
                "FIELD_TYPE_MISMATCH",
                f"The field has different types: {described}.",
                "Declare one type in all subgraphs; only ! may differ, or one type may be an "
                "interface or union of the others.",
                tuple(graph.name for graph, _ in owners),
                f"{name}.{field}",
            )
