"""Every directive that a subgraph uses is imported or defined: an unknown one would be ignored silently."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.across import Across
from gateway.composition.parts import Graph, Mark, Type
from gateway.composition.reading import FEDERATION, FEDERATION_1
from gateway.errors import Problem

_SPECIFIED = frozenset({"deprecated", "specifiedBy", "oneOf"})


def check(across: Across) -> Iterator[Problem]:
    """Yield a problem for every directive that nobody explains."""
    for graph in across.graphs:
        for kind in graph.types.values():
            for coordinate, mark in _used(kind):
                if not _is_known(graph, mark):
                    yield _problem(graph, coordinate, mark.node.name.value)


def _used(kind: Type) -> Iterator[tuple[str, Mark]]:
    for mark in kind.marks:
        yield kind.name, mark
    for field in kind.fields.values():
        for mark in field.marks:
            yield f"{kind.name}.{field.name}", mark
        for argument in field.arguments.values():
            for mark in argument.marks:
                yield f"{kind.name}.{field.name}({argument.name}:)", mark
    for part, marks in _parts(kind):
        for mark in marks:
            yield f"{kind.name}.{part}", mark


def _parts(kind: Type) -> Iterator[tuple[str, tuple[Mark, ...]]]:
    for item in kind.inputs.values():
        yield item.name, item.marks
    for value in kind.values.values():
        yield value.name, value.marks


def _is_known(graph: Graph, mark: Mark) -> bool:
    written = mark.node.name.value
    if written in _SPECIFIED or written in graph.directives:
        return True
    known = FEDERATION if graph.federation >= (2, 0) else FEDERATION_1
    return mark.name in known or any(spec.owns(written) for spec in graph.specs.values())


def _problem(graph: Graph, coordinate: str, name: str) -> Problem:
    if graph.federation < (2, 0) and name in FEDERATION:
        mend = (
            "This is a Federation 1 schema. Link https://specs.apollo.dev/federation/v2.3 or later "
            f'and import "@{name}".'
        )
    elif name in FEDERATION:
        mend = f'Add "@{name}" to the imports of the federation @link.'
    else:
        mend = f"Define directive @{name}, or remove it."
    return Problem(
        "INVALID_GRAPHQL", f"The directive @{name} is not known.", mend, (graph.name,), coordinate
    )
