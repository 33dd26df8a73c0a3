"""An enum that is both input and output has the same values in every subgraph."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.subgraph_schema import SubgraphSchema, Type
from gateway.composition.subgraph_set import SubgraphSet
from gateway.errors import Problem


def check(subgraphs: SubgraphSet) -> Iterator[Problem]:
    """Yield a problem for every enum whose values differ between subgraphs."""
    for name, declarations in subgraphs.declarations.items():
        if (
            subgraphs.kind(name) != "ENUM"
            or len(declarations) < 2
            or name not in subgraphs.input_types
        ):
            continue
        values = dict.fromkeys(
            value for _, declaration in declarations for value in declaration.values
        )
        if name in subgraphs.output_types:
            yield from _mismatches(name, declarations, list(values))
        elif not any(
            all(value in declaration.values for _, declaration in declarations) for value in values
        ):
            yield Problem(
                "EMPTY_MERGED_ENUM_TYPE",
                "The subgraphs have no value of this input enum in common.",
                "Add at least one value to all of them.",
                tuple(graph.name for graph, _ in declarations),
                name,
            )


def _mismatches(
    name: str, declarations: list[tuple[SubgraphSchema, Type]], values: list[str]
) -> Iterator[Problem]:
    for value in values:
        defining = [
            (graph, declaration)
            for graph, declaration in declarations
            if value in declaration.values
        ]
        if len(defining) == len(declarations):
            continue
        if any(declaration.values[value].has("inaccessible") for _, declaration in defining):
            continue
        lacking = [
            graph.name for graph, declaration in declarations if value not in declaration.values
        ]
        yield Problem(
            "ENUM_VALUE_MISMATCH",
            f"The enum is used by fields and by arguments, but {', '.join(lacking)} does not "
            f"define {value}.",
            f"Add {value} there, or mark it @inaccessible until all subgraphs have it.",
            tuple(graph.name for graph, _ in declarations),
            f"{name}.{value}",
        )
