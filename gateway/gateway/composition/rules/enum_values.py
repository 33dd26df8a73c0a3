"""An enum that is both read and written has the same values everywhere."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.across import Across
from gateway.composition.parts import Graph, Type
from gateway.errors import Problem


def check(across: Across) -> Iterator[Problem]:
    """Yield a problem for every enum whose subgraphs disagree."""
    for name, sides in across.sides.items():
        if across.kind(name) != "ENUM" or len(sides) < 2 or name not in across.input_types:
            continue
        every = dict.fromkeys(value for _, side in sides for value in side.values)
        if name in across.output_types:
            yield from _different(name, sides, list(every))
        elif not any(all(value in side.values for _, side in sides) for value in every):
            yield Problem(
                "EMPTY_MERGED_ENUM_TYPE",
                "The subgraphs have no value of this input enum in common.",
                "Add at least one value to all of them.",
                tuple(graph.name for graph, _ in sides),
                name,
            )


def _different(name: str, sides: list[tuple[Graph, Type]], every: list[str]) -> Iterator[Problem]:
    for value in every:
        having = [(graph, side) for graph, side in sides if value in side.values]
        if len(having) == len(sides):
            continue
        if any(side.values[value].has("inaccessible") for _, side in having):
            continue
        lack = [graph.name for graph, side in sides if value not in side.values]
        yield Problem(
            "ENUM_VALUE_MISMATCH",
            f"The enum is used by fields and by arguments, but {', '.join(lack)} lacks {value}.",
            f"Add {value} there, or mark it @inaccessible until all have it.",
            tuple(graph.name for graph, _ in sides),
            f"{name}.{value}",
        )
