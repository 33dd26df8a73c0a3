"""An external field is declared as its owner declares it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.composition.across import Across
from gateway.composition.parts import Graph, Output
from gateway.composition.type_refs import merge_all, merge_output
from gateway.errors import Problem


def check(across: Across) -> Iterator[Problem]:
    """Yield a problem for every external field that differs from the real one."""
    for name in across.sides:
        for field, sides in across.fields(name).items():
            owners = across.answering(name, field)
            for graph, item in sides:
                if owners and item.external:
                    yield from _differs(across, f"{name}.{field}", graph, item, owners)


def _same(across: Across, item: Output, merged: str, named: str) -> bool:
    """An external field is declared with the same ! and [], at most with a narrower named type."""
    if item.type == merged:
        return True
    related = across.is_subtype(item.named, named) or across.is_subtype(named, item.named)
    return related and item.type.replace(item.named, "") == re.sub(r"\w+", "", merged)


def _differs(
    across: Across, coordinate: str, graph: Graph, item: Output, owners: list[tuple[Graph, Output]]
) -> Iterator[Problem]:
    names = (graph.name, *(owner.name for owner, _ in owners))
    types = [item.type, *(output.type for _, output in owners)]
    merged = merge_all(types[1:], lambda a, b: merge_output(a, b, across.is_subtype))
    if merged is not None and not _same(across, item, merged, owners[0][1].named):
        yield Problem(
            "EXTERNAL_TYPE_MISMATCH",
            f"{graph.name} declares {item.type}, its owner {types[1]}.",
            f"Declare the external field as {types[1]}.",
            names,
            coordinate,
        )
    for argument in owners[0][1].arguments.values():
        mine = item.arguments.get(argument.name)
        if mine is None:
            yield Problem(
                "EXTERNAL_ARGUMENT_MISSING",
                f"The owner's argument {argument.name} is not declared in {graph.name}.",
                f"Add {argument.name}: {argument.type} to the external field.",
                names,
                coordinate,
            )
        elif mine.named != argument.named:
            yield Problem(
                "EXTERNAL_ARGUMENT_TYPE_MISMATCH",
                f"The argument {argument.name} is {mine.type} in {graph.name}, {argument.type} at "
                "its owner.",
                f"Declare it as {argument.type}.",
                names,
                coordinate,
            )
        elif mine.default != argument.default:
            yield Problem(
                "EXTERNAL_ARGUMENT_DEFAULT_MISMATCH",
                f"The argument {argument.name} has the default {mine.default} in {graph.name}, "
                f"{argument.default} at its owner.",
                "Use the owner's default.",
                names,
                coordinate,
            )
