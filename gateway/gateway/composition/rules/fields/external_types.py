"""An external field is declared with the type and arguments of its owner."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.composition.subgraph_schema import OutputField, SubgraphSchema
from gateway.composition.subgraph_set import SubgraphSet
from gateway.composition.type_references import merge_output, merge_types
from gateway.errors import Problem


def check(subgraphs: SubgraphSet) -> Iterator[Problem]:
    """Yield a problem for every external field that differs from its owner's."""
    for name in subgraphs.declarations:
        for field, declarations in subgraphs.fields(name).items():
            owners = subgraphs.owners(name, field)
            for graph, item in declarations:
                if owners and item.external:
                    yield from _differences(subgraphs, f"{name}.{field}", graph, item, owners)


def _has_type(subgraphs: SubgraphSet, item: OutputField, merged: str, named: str) -> bool:
    """Return whether an external field has the type: same ! and [], a related named type."""
    if item.type == merged:
        return True
    related = subgraphs.is_subtype(item.named, named) or subgraphs.is_subtype(named, item.named)
    return related and item.type.replace(item.named, "") == re.sub(r"\w+", "", merged)


def _differences(
    subgraphs: SubgraphSet,
    coordinate: str,
    graph: SubgraphSchema,
    item: OutputField,
    owners: list[tuple[SubgraphSchema, OutputField]],
) -> Iterator[Problem]:
    names = (graph.name, *(owner.name for owner, _ in owners))
    types = [item.type, *(output.type for _, output in owners)]
    merged = merge_types(types[1:], lambda a, b: merge_output(a, b, subgraphs.is_subtype))
    if merged is not None and not _has_type(subgraphs, item, merged, owners[0][1].named):
        yield Problem(
            "EXTERNAL_TYPE_MISMATCH",
            f"{graph.name} declares the type {item.type}, the owner declares {types[1]}.",
            f"Declare the external field as {types[1]}.",
            names,
            coordinate,
        )
    for argument in owners[0][1].arguments.values():
        declared = item.arguments.get(argument.name)
        if declared is None:
            yield Problem(
                "EXTERNAL_ARGUMENT_MISSING",
                f"{graph.name} does not declare the owner's argument {argument.name}.",
                f"Add {argument.name}: {argument.type} to the external field.",
                names,
                coordinate,
            )
        elif declared.named != argument.named:
            yield Problem(
                "EXTERNAL_ARGUMENT_TYPE_MISMATCH",
                f"The argument {argument.name} has the type {declared.type} in {graph.name}, "
                f"{argument.type} in the owner's field.",
                f"Declare it as {argument.type}.",
                names,
                coordinate,
            )
        elif declared.default != argument.default:
            yield Problem(
                "EXTERNAL_ARGUMENT_DEFAULT_MISMATCH",
                f"The argument {argument.name} has the default {declared.default} in {graph.name}, "
                f"{argument.default} in the owner's field.",
                "Use the owner's default.",
                names,
                coordinate,
            )
