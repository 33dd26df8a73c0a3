"""Every directive that a subgraph uses is imported or defined.

An unknown directive would be ignored without notice.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.reading import FEDERATION, FEDERATION_1
from gateway.composition.subgraph_schema import Directive, SubgraphSchema, Type
from gateway.composition.subgraph_set import SubgraphSet
from gateway.errors import Problem

_SPECIFIED = frozenset({"deprecated", "specifiedBy", "oneOf"})


def check(subgraphs: SubgraphSet) -> Iterator[Problem]:
    """Yield a problem for every directive that is neither imported nor defined."""
    for graph in subgraphs.graphs:
        for definition in graph.types.values():
            for coordinate, directive in _used(definition):
                if not _is_known(graph, directive):
                    yield _problem(graph, coordinate, directive.node.name.value)


def _used(definition: Type) -> Iterator[tuple[str, Directive]]:
    """Yield coordinate and directive of every use inside a type."""
    for directive in definition.directives:
        yield definition.name, directive
    for field in definition.fields.values():
        for directive in field.directives:
            yield f"{definition.name}.{field.name}", directive
        for argument in field.arguments.values():
            for directive in argument.directives:
                yield f"{definition.name}.{field.name}({argument.name}:)", directive
    for part, directives in _parts(definition):
        for directive in directives:
            yield f"{definition.name}.{part}", directive


def _parts(definition: Type) -> Iterator[tuple[str, tuple[Directive, ...]]]:
    for item in definition.inputs.values():
        yield item.name, item.directives
    for value in definition.values.values():
        yield value.name, value.directives


def _is_known(graph: SubgraphSchema, directive: Directive) -> bool:
    name = directive.node.name.value
    if name in _SPECIFIED or name in graph.directive_definitions:
        return True
    federation = FEDERATION if graph.federation >= (2, 0) else FEDERATION_1
    return directive.name in federation or any(spec.owns(name) for spec in graph.specs.values())


def _problem(graph: SubgraphSchema, coordinate: str, name: str) -> Problem:
    if graph.federation < (2, 0) and name in FEDERATION:
        remedy = (
            "This is a Federation 1 schema. Link https://specs.apollo.dev/federation/v2.3 or later "
            f'and import "@{name}".'
        )
    elif name in FEDERATION:
        remedy = f'Add "@{name}" to the imports of the federation @link.'
    else:
        remedy = f"Define directive @{name}, or remove it."
    return Problem(
        "INVALID_GRAPHQL",
        f"The directive @{name} is neither imported nor defined.",
        remedy,
        (graph.name,),
        coordinate,
    )
