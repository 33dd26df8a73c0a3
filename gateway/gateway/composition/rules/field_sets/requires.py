"""A @requires names fields of its own type that other subgraphs resolve."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.field_sets import mentioned_fields, try_parse
from gateway.composition.rules.field_sets.fitting import check_field_set
from gateway.composition.subgraph_schema import OutputField, SubgraphSchema
from gateway.composition.subgraph_set import SubgraphSet
from gateway.errors import Problem
from gateway.operation import Field


def check(subgraphs: SubgraphSet) -> Iterator[Problem]:
    """Yield a problem for every @requires of fields that this subgraph resolves itself."""
    for graph in subgraphs.graphs:
        for definition, field in graph.outputs():
            if field.requires is None:
                continue
            coordinate = f"{definition.name}.{field.name}"
            yield from check_field_set(
                graph, "requires", coordinate, definition.name, field.requires
            )
            outputs = [
                mentioned.output
                for mentioned in mentioned_fields(graph.types, definition.name, field.requires)
            ]
            declared = [output for output in outputs if output is not None]
            foreign = any(output.external or output.has("external") for output in declared)
            own = [
                output.name
                for output in _leaves(graph, definition.name, field.requires)
                if not (output.external or output.has("external"))
            ]
            if own and foreign and graph.federation >= (2, 0):
                yield Problem(
                    "REQUIRES_FIELDS_MISSING_EXTERNAL",
                    f"{', '.join(own)} is resolved by this subgraph itself.",
                    f"Take {', '.join(own)} out of @requires, or mark it @external.",
                    (graph.name,),
                    coordinate,
                )
            if declared and not foreign and graph.federation >= (2, 0):
                yield Problem(
                    "REQUIRES_FIELDS_MISSING_EXTERNAL",
                    f'@requires(fields: "{field.requires}") names no @external field.',
                    "Mark the required fields @external, or remove those that this subgraph "
                    "resolves itself.",
                    (graph.name,),
                    coordinate,
                )


def _leaves(graph: SubgraphSchema, type_name: str, text: str) -> list[OutputField]:
    """Return the required fields of the type itself that have no selection."""
    fields = graph.types[type_name].fields
    return [
        fields[item.name]
        for item in try_parse(text) or ()
        if isinstance(item, Field) and not item.selections and item.name in fields
    ]
