"""Subgraphs that resolve a field declare its arguments with equal types and defaults."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.subgraph_set import SubgraphSet
from gateway.composition.type_references import merge_input, merge_types
from gateway.errors import Problem


def check(subgraphs: SubgraphSet) -> Iterator[Problem]:
    """Yield a problem for every argument whose types or defaults differ."""
    for name in subgraphs.declarations:
        for field in subgraphs.fields(name):
            owners = subgraphs.owners(name, field)
            for argument in dict.fromkeys(a for _, item in owners for a in item.arguments):
                declarations = [
                    (g, i.arguments[argument]) for g, i in owners if argument in i.arguments
                ]
                names = tuple(graph.name for graph, _ in declarations)
                coordinate = f"{name}.{field}({argument}:)"
                if merge_types([item.type for _, item in declarations], merge_input) is None:
                    described = ", ".join(
                        f"{item.type} in {graph.name}" for graph, item in declarations
                    )
                    yield Problem(
                        "FIELD_ARGUMENT_TYPE_MISMATCH",
                        f"The argument has different types: {described}.",
                        "Declare one type in all subgraphs; only ! may differ.",
                        names,
                        coordinate,
                    )
                if len({item.default for _, item in declarations}) > 1:
                    described = ", ".join(
                        f"{item.default} in {graph.name}" for graph, item in declarations
                    )
                    yield Problem(
                        "FIELD_ARGUMENT_DEFAULT_MISMATCH",
                        f"The argument has different defaults: {described}.",
                        "Use one default in all subgraphs.",
                        names,
                        coordinate,
                    )
