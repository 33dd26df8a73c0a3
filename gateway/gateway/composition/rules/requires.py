"""A @requires names fields of its own type that other subgraphs answer."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.across import Across
from gateway.composition.field_sets import parsed, seen_in
from gateway.composition.parts import Graph, Output
from gateway.composition.rules._field_set import misfits
from gateway.errors import Problem
from gateway.operation import Field


def _plain(graph: Graph, type_name: str, text: str) -> list[Output]:
    """The required fields of the type itself that have no fields of their own."""
    fields = graph.types[type_name].fields
    return [
        fields[item.name]
        for item in parsed(text) or ()
        if isinstance(item, Field) and not item.selections and item.name in fields
    ]


def check(across: Across) -> Iterator[Problem]:
    """Yield a problem for every @requires that asks for nothing foreign."""
    for graph in across.graphs:
        for kind, field in graph.outputs():
            if field.requires is None:
                continue
            coordinate = f"{kind.name}.{field.name}"
            yield from misfits(graph, "requires", coordinate, kind.name, field.requires)
            outputs = [seen.output for seen in seen_in(graph.types, kind.name, field.requires)]
            known = [output for output in outputs if output is not None]
            foreign = any(output.external or output.has("external") for output in known)
            own = [
                output.name
                for output in _plain(graph, kind.name, field.requires)
                if not (output.external or output.has("external"))
            ]
            if own and foreign and graph.federation >= (2, 0):
                yield Problem(
                    "REQUIRES_FIELDS_MISSING_EXTERNAL",
                    f"{', '.join(own)} is this subgraph's own, it need not be required.",
                    f"Take {', '.join(own)} out of @requires, or mark it @external.",
                    (graph.name,),
                    coordinate,
                )
            if known and not foreign and graph.federation >= (2, 0):
                yield Problem(
                    "REQUIRES_FIELDS_MISSING_EXTERNAL",
                    f'@requires(fields: "{field.requires}") names no field that is @external.',
                    "Mark the required fields @external; what this subgraph knows itself it need "
                    "not require.",
                    (graph.name,),
                    coordinate,
                )
