"""An argument that one subgraph insists on is known to all that answer the field."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.across import Across
from gateway.errors import Problem


def check(across: Across) -> Iterator[Problem]:
    """Yield a problem for every required argument that somebody does not take."""
    for name in across.sides:
        for field in across.fields(name):
            owners = across.answering(name, field)
            for argument in dict.fromkeys(a for _, item in owners for a in item.arguments):
                insist = [
                    graph.name
                    for graph, item in owners
                    if argument in item.arguments and item.arguments[argument].required
                ]
                lack = [graph.name for graph, item in owners if argument not in item.arguments]
                if insist and lack:
                    yield Problem(
                        "REQUIRED_ARGUMENT_MISSING_IN_SOME_SUBGRAPH",
                        f"{', '.join(insist)} requires the argument, {', '.join(lack)} does not "
                        "take it.",
                        "Add the argument there, or make it optional here.",
                        tuple(graph.name for graph, _ in owners),
                        f"{name}.{field}({argument}:)",
                    )
