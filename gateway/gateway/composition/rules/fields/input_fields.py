"""Input objects keep the fields of all subgraphs; a field that one lacks is not required."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.subgraph_schema import SubgraphSchema, Type
from gateway.composition.subgraph_set import SubgraphSet
from gateway.composition.type_references import merge_input, merge_types
from gateway.errors import Problem


def check(subgraphs: SubgraphSet) -> Iterator[Problem]:
    """Yield a problem for every input object that cannot be merged."""
    for name, declarations in subgraphs.declarations.items():
        if subgraphs.kind(name) != "INPUT_OBJECT" or len(declarations) < 2:
            continue
        names = tuple(graph.name for graph, _ in declarations)
        fields = dict.fromkeys(
            field for _, declaration in declarations for field in declaration.inputs
        )
        if not any(
            all(field in declaration.inputs for _, declaration in declarations) for field in fields
        ):
            yield Problem(
                "EMPTY_MERGED_INPUT_TYPE",
                "The subgraphs have no field of this input object in common.",
                "Add at least one field to all of them, or rename one of the inputs.",
                names,
                name,
            )
        for field in fields:
            yield from _field_problems(name, field, declarations, names)


def _field_problems(
    name: str, field: str, declarations: list[tuple[SubgraphSchema, Type]], names: tuple[str, ...]
) -> Iterator[Problem]:
    present = [
        (graph, declaration.inputs[field])
        for graph, declaration in declarations
        if field in declaration.inputs
    ]
    lacking = [graph.name for graph, declaration in declarations if field not in declaration.inputs]
    requiring = [graph.name for graph, item in present if item.required]
    coordinate = f"{name}.{field}"
    if lacking and requiring:
        yield Problem(
            "REQUIRED_INPUT_FIELD_MISSING_IN_SOME_SUBGRAPH",
            f"{', '.join(requiring)} requires the field, {', '.join(lacking)} does not declare it.",
            "Add the field to the latter, or make it optional in the former.",
            names,
            coordinate,
        )
    if merge_types([item.type for _, item in present], merge_input) is None:
        described = ", ".join(f"{item.type} in {graph.name}" for graph, item in present)
        yield Problem(
            "FIELD_TYPE_MISMATCH",
            f"The input field has different types: {described}.",
            "Declare one type in all subgraphs; only ! may differ.",
            names,
            coordinate,
        )
    if len({item.default for _, item in present}) > 1:
        described = ", ".join(f"{item.default} in {graph.name}" for graph, item in present)
        yield Problem(
            "INPUT_FIELD_DEFAULT_MISMATCH",
            f"The input field has different defaults: {described}.",
            "Use one default in all subgraphs.",
            names,
            coordinate,
        )
