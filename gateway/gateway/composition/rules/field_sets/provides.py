"""A @provides names external fields of the type of its field."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.field_sets import mentioned_fields
from gateway.composition.rules.field_sets.fitting import check_field_set
from gateway.composition.subgraph_schema import SubgraphSchema
from gateway.composition.subgraph_set import SubgraphSet
from gateway.errors import Problem


def check(subgraphs: SubgraphSet) -> Iterator[Problem]:
    """Yield a problem for every invalid @provides."""
    for graph in subgraphs.graphs:
        for definition, field in graph.outputs():
            if field.provides is None:
                continue
            coordinate = f"{definition.name}.{field.name}"
            target = graph.types.get(field.named)
            if target is None or not target.is_composite:
                yield Problem(
                    "PROVIDES_ON_NON_OBJECT_FIELD",
                    f"@provides is used on a field of the type {field.type}, which has no fields.",
                    "Remove @provides, or put it on a field that returns an object.",
                    (graph.name,),
                    coordinate,
                )
                continue
            yield from check_field_set(graph, "provides", coordinate, field.named, field.provides)
            yield from _not_external(graph, coordinate, field.named, field.provides)


def _not_external(
    graph: SubgraphSchema, coordinate: str, name: str, text: str
) -> Iterator[Problem]:
    if graph.federation < (2, 0):
        return
    mentioned = [
        item for item in mentioned_fields(graph.types, name, text) if item.output is not None
    ]
    for item in mentioned:
        if item.output is not None and item.output.arguments:
            yield Problem(
                "PROVIDES_FIELDS_HAS_ARGS",
                f"@provides uses {item.parent}.{item.name}, which takes arguments.",
                "Provide fields without arguments.",
                (graph.name,),
                coordinate,
            )
    owners = {
        member for item in mentioned for member in (item.parent, *graph.possible_types(item.parent))
    }
    if mentioned and not any(
        graph.types[owner].fields[item.name].external or graph.types[owner].has("external")
        for item in mentioned
        for owner in owners
        if owner in graph.types and item.name in graph.types[owner].fields
    ):
        yield Problem(
            "PROVIDES_FIELDS_MISSING_EXTERNAL",
            f'@provides(fields: "{text}") names no @external field.',
            "Mark the provided fields @external, or remove @provides: this subgraph resolves "
            "the fields itself.",
            (graph.name,),
            coordinate,
        )
