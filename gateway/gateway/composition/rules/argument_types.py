"""Subgraphs that answer one field agree on its arguments' types and defaults."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.across import Across
from gateway.composition.type_refs import merge_all, merge_input
from gateway.errors import Problem


def check(across: Across) -> Iterator[Problem]:
    """Yield a problem for every argument that differs."""
    for name in across.sides:
        for field in across.fields(name):
            owners = across.answering(name, field)
            for argument in dict.fromkeys(a for _, item in owners for a in item.arguments):
                sides = [(g, i.arguments[argument]) for g, i in owners if argument in i.arguments]
                names = tuple(graph.name for graph, _ in sides)
                coordinate = f"{name}.{field}({argument}:)"
                if merge_all([item.type for _, item in sides], merge_input) is None:
                    told = ", ".join(f"{item.type} in {graph.name}" for graph, item in sides)
                    yield Problem(
                        "FIELD_ARGUMENT_TYPE_MISMATCH",
                        f"The argument is {told}.",
                        "Declare one type everywhere; they may differ in !.",
                        names,
                        coordinate,
                    )
                if len({item.default for _, item in sides}) > 1:
                    told = ", ".join(f"{item.default} in {graph.name}" for graph, item in sides)
                    yield Problem(
                        "FIELD_ARGUMENT_DEFAULT_MISMATCH",
                        f"The argument's default is {told}.",
                        "Use one default everywhere.",
                        names,
                        coordinate,
                    )
