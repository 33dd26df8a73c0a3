"""Within one subgraph, a type has the fields of its interfaces."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.subgraph_schema import OutputField, SubgraphSchema, Type
from gateway.composition.subgraph_set import SubgraphSet
from gateway.errors import Problem


def check(subgraphs: SubgraphSet) -> Iterator[Problem]:
    """Yield a problem for every field of an interface that is missing or has another type."""
    for graph in subgraphs.graphs:
        for definition in graph.types.values():
            for name in definition.interfaces:
                interface = graph.types.get(name)
                if interface is not None and interface.kind == "INTERFACE":
                    for declared in interface.fields.values():
                        yield from _field_problems(graph, definition, interface, declared)


def _field_problems(
    graph: SubgraphSchema, definition: Type, interface: Type, declared: OutputField
) -> Iterator[Problem]:
    own = definition.fields.get(declared.name)
    coordinate = f"{interface.name}.{declared.name}"
    if own is None:
        yield _problem(
            graph,
            f"{definition.name}.{declared.name}",
            f"{definition.name} implements {interface.name}, but has no field {declared.name}.",
            f"Add {declared.name}: {declared.type} to {definition.name}.",
        )
        return
    if not _fits(graph, own.type, declared.type):
        yield _problem(
            graph,
            f"{definition.name}.{own.name}",
            f"The field has the type {own.type}, but {coordinate} is declared as {declared.type}.",
            f"Declare it as {declared.type}, or as a narrower type.",
        )
    for argument in declared.arguments.values():
        own_argument = own.arguments.get(argument.name)
        if own_argument is None or own_argument.type != argument.type:
            yield _problem(
                graph,
                f"{definition.name}.{own.name}({argument.name}:)",
                f"{coordinate} has the argument {argument.name}: {argument.type}; "
                "this field does not.",
                f"Add {argument.name}: {argument.type} to the field.",
            )
    for extra in own.arguments.values():
        if extra.required and extra.name not in declared.arguments:
            yield _problem(
                graph,
                f"{definition.name}.{own.name}({extra.name}:)",
                f"The argument is required, but {coordinate} does not declare it.",
                "Make it optional, or add it to the interface.",
            )


def _fits(graph: SubgraphSchema, own: str, declared: str) -> bool:
    """Return whether every value of a type is a value of the declared one."""
    if declared.endswith("!"):
        return own.endswith("!") and _fits(graph, own[:-1], declared[:-1])
    own = own.removesuffix("!")
    if declared.startswith("["):
        return own.startswith("[") and _fits(graph, own[1:-1], declared[1:-1])
    if own.startswith("["):
        return False
    if own == declared:
        return True
    definition = graph.types.get(own)
    return (definition is not None and declared in definition.interfaces) or (
        own in graph.possible_types(declared)
    )


def _problem(graph: SubgraphSchema, coordinate: str, message: str, remedy: str) -> Problem:
    return Problem("INVALID_GRAPHQL", message, remedy, (graph.name,), coordinate)
