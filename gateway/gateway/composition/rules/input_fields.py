"""Input objects keep the fields that all subgraphs know; none of the others may be required."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.across import Across
from gateway.composition.parts import Graph, Type
from gateway.composition.type_refs import merge_all, merge_input
from gateway.errors import Problem


def check(across: Across) -> Iterator[Problem]:
    """Yield a problem for every input object that subgraphs cannot share."""
    for name, sides in across.sides.items():
        if across.kind(name) != "INPUT_OBJECT" or len(sides) < 2:
            continue
        names = tuple(graph.name for graph, _ in sides)
        every = dict.fromkeys(field for _, side in sides for field in side.inputs)
        if not any(all(field in side.inputs for _, side in sides) for field in every):
            yield Problem(
                "EMPTY_MERGED_INPUT_TYPE",
                "The subgraphs have no field of this input in common.",
                "Add at least one field to all of them, or rename one of the inputs.",
                names,
                name,
            )
        for field in every:
            yield from _field(name, field, sides, names)


def _field(
    name: str, field: str, sides: list[tuple[Graph, Type]], names: tuple[str, ...]
) -> Iterator[Problem]:
    present = [(graph, side.inputs[field]) for graph, side in sides if field in side.inputs]
    lack = [graph.name for graph, side in sides if field not in side.inputs]
    insist = [graph.name for graph, item in present if item.required]
    coordinate = f"{name}.{field}"
    if lack and insist:
        yield Problem(
            "REQUIRED_INPUT_FIELD_MISSING_IN_SOME_SUBGRAPH",
            f"{', '.join(insist)} requires the field, {', '.join(lack)} does not know it.",
            "Add the field there, or make it optional here.",
            names,
            coordinate,
        )
    if merge_all([item.type for _, item in present], merge_input) is None:
        told = ", ".join(f"{item.type} in {graph.name}" for graph, item in present)
        yield Problem(
            "FIELD_TYPE_MISMATCH",
            f"The input field is {told}.",
            "Declare one type everywhere; they may differ in !.",
            names,
            coordinate,
        )
    if len({item.default for _, item in present}) > 1:
        told = ", ".join(f"{item.default} in {graph.name}" for graph, item in present)
        yield Problem(
            "INPUT_FIELD_DEFAULT_MISMATCH",
            f"The input field's default is {told}.",
            "Use one default everywhere.",
            names,
            coordinate,
        )
