"""Federation's directives are used once, and only where they have an effect."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.directive_merging import MERGED_DIRECTIVES
from gateway.composition.subgraph_schema import OutputField, SubgraphSchema, Type
from gateway.composition.subgraph_set import SubgraphSet
from gateway.errors import Problem


def check(subgraphs: SubgraphSet) -> Iterator[Problem]:
    """Yield a problem for every directive on a field where it has no effect."""
    for graph in subgraphs.graphs:
        for definition, field in graph.outputs():
            yield from _twice(graph, definition, field)
            yield from _merged_on_external(graph, definition, field)
            if definition.kind == "INTERFACE":
                yield from _on_interface(graph, definition, field)
            elif definition.name == "Subscription" and field.has("shareable"):
                yield _problem(
                    graph,
                    definition,
                    field,
                    "INVALID_SHAREABLE_USAGE",
                    "Fields of Subscription cannot be shared: a single subgraph sends the events.",
                    "Remove @shareable and keep the field in one subgraph.",
                )


def _on_interface(graph: SubgraphSchema, definition: Type, field: OutputField) -> Iterator[Problem]:
    cases = {
        "external": ("EXTERNAL_ON_INTERFACE", graph.federation >= (2, 0)),
        "requires": ("REQUIRES_UNSUPPORTED_ON_INTERFACE", True),
        "provides": ("PROVIDES_UNSUPPORTED_ON_INTERFACE", True),
        "override": ("OVERRIDE_ON_INTERFACE", True),
        "shareable": ("INVALID_SHAREABLE_USAGE", True),
    }
    for name, (code, applies) in cases.items():
        if applies and field.has(name):
            yield _problem(
                graph,
                definition,
                field,
                code,
                f"@{name} has no effect on the field of an interface.",
                f"Put @{name} on the field of the objects that implement {definition.name}.",
            )


def _twice(graph: SubgraphSchema, definition: Type, field: OutputField) -> Iterator[Problem]:
    names = [directive.name for directive in field.directives]
    for name in ("shareable", "external", "requires", "provides", "override", "inaccessible"):
        if names.count(name) > 1:
            yield _problem(
                graph,
                definition,
                field,
                "INVALID_SHAREABLE_USAGE" if name == "shareable" else "INVALID_GRAPHQL",
                f"@{name} is used more than once on the field.",
                "Write it once.",
            )


def _merged_on_external(
    graph: SubgraphSchema, definition: Type, field: OutputField
) -> Iterator[Problem]:
    if not field.external or graph.federation < (2, 0):
        return
    for directive in field.directives:
        if directive.name in MERGED_DIRECTIVES:
            yield _problem(
                graph,
                definition,
                field,
                "MERGED_DIRECTIVE_APPLICATION_ON_EXTERNAL",
                f"@{directive.name} is used on an @external field, which this subgraph does not "
                "own.",
                f"Put @{directive.name} on the field in the subgraph that answers it.",
            )


def _problem(
    graph: SubgraphSchema,
    definition: Type,
    field: OutputField,
    code: str,
    message: str,
    remedy: str,
) -> Problem:
    return Problem(code, message, remedy, (graph.name,), f"{definition.name}.{field.name}")
