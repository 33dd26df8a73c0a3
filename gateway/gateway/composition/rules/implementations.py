"""Inside one subgraph, an object gives what its interfaces promise."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.across import Across
from gateway.composition.parts import Graph, Output, Type
from gateway.errors import Problem


def check(across: Across) -> Iterator[Problem]:
    """Yield a problem for every field that is missing or does not fit."""
    for graph in across.graphs:
        for kind in graph.types.values():
            for name in kind.interfaces:
                interface = graph.types.get(name)
                if interface is not None and interface.kind == "INTERFACE":
                    for promised in interface.fields.values():
                        yield from _unkept(graph, kind, interface, promised)


def _unkept(graph: Graph, kind: Type, interface: Type, promised: Output) -> Iterator[Problem]:
    given = kind.fields.get(promised.name)
    source = f"{interface.name}.{promised.name}"
    if given is None:
        yield _problem(
            graph,
            f"{kind.name}.{promised.name}",
            f"{kind.name} implements {interface.name}, but has no field {promised.name}.",
            f"Add {promised.name}: {promised.type} to {kind.name}.",
        )
        return
    if not _fits(graph, given.type, promised.type):
        yield _problem(
            graph,
            f"{kind.name}.{given.name}",
            f"The field is {given.type}, where {source} promises {promised.type}.",
            f"Declare it as {promised.type}, or as something narrower.",
        )
    for argument in promised.arguments.values():
        mine = given.arguments.get(argument.name)
        if mine is None or mine.type != argument.type:
            yield _problem(
                graph,
                f"{kind.name}.{given.name}({argument.name}:)",
                f"{source} takes {argument.name}: {argument.type}; the object's field does not.",
                f"Add {argument.name}: {argument.type} to the field.",
            )
    for extra in given.arguments.values():
        if extra.required and extra.name not in promised.arguments:
            yield _problem(
                graph,
                f"{kind.name}.{given.name}({extra.name}:)",
                f"The argument is required, but {source} does not know it.",
                "Make it optional, or add it to the interface.",
            )


def _fits(graph: Graph, given: str, promised: str) -> bool:
    """Tell whether every value of one type is a value of the other."""
    if promised.endswith("!"):
        return given.endswith("!") and _fits(graph, given[:-1], promised[:-1])
    given = given.removesuffix("!")
    if promised.startswith("["):
        return given.startswith("[") and _fits(graph, given[1:-1], promised[1:-1])
    if given.startswith("["):
        return False
    if given == promised:
        return True
    kind = graph.types.get(given)
    return (kind is not None and promised in kind.interfaces) or (given in graph.possible(promised))


def _problem(graph: Graph, coordinate: str, message: str, mend: str) -> Problem:
    return Problem("INVALID_GRAPHQL", message, mend, (graph.name,), coordinate)
