"""A @provides names external fields of the type that its field returns."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.across import Across
from gateway.composition.field_sets import seen_in
from gateway.composition.parts import Graph
from gateway.composition.rules._field_set import misfits
from gateway.errors import Problem


def check(across: Across) -> Iterator[Problem]:
    """Yield a problem for every @provides that promises what it cannot."""
    for graph in across.graphs:
        for kind, field in graph.outputs():
            if field.provides is None:
                continue
            coordinate = f"{kind.name}.{field.name}"
            target = graph.types.get(field.named)
            if target is None or target.kind not in ("OBJECT", "INTERFACE", "UNION"):
                yield Problem(
                    "PROVIDES_ON_NON_OBJECT_FIELD",
                    f"@provides stands on a field of type {field.type}, which has no fields.",
                    "Remove @provides, or put it on a field that returns an object.",
                    (graph.name,),
                    coordinate,
                )
                continue
            yield from misfits(graph, "provides", coordinate, field.named, field.provides)
            yield from _not_external(graph, coordinate, field.named, field.provides)


def _not_external(graph: Graph, coordinate: str, name: str, text: str) -> Iterator[Problem]:
    if graph.federation < (2, 0):
        return
    seen = [item for item in seen_in(graph.types, name, text) if item.output is not None]
    for item in seen:
        if item.output is not None and item.output.arguments:
            yield Problem(
                "PROVIDES_FIELDS_HAS_ARGS",
                f"@provides uses {item.parent}.{item.name}, which takes arguments.",
                "Provide fields without arguments.",
                (graph.name,),
                coordinate,
            )
    owners = {member for item in seen for member in (item.parent, *graph.possible(item.parent))}
    if seen and not any(
        graph.types[owner].fields[item.name].external or graph.types[owner].has("external")
        for item in seen
        for owner in owners
        if owner in graph.types and item.name in graph.types[owner].fields
    ):
        yield Problem(
            "PROVIDES_FIELDS_MISSING_EXTERNAL",
            f'@provides(fields: "{text}") names no field that is @external.',
            "Mark the provided fields @external, or remove @provides: the fields are this "
            "subgraph's own.",
            (graph.name,),
            coordinate,
        )
