"""A @requires names fields of its own type that other subgraphs answer."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.across import Across
from gateway.composition.field_sets import seen_in
from gateway.composition.rules._field_set import misfits
from gateway.errors import Problem


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
            if known and not foreign and graph.federation >= (2, 0):
                yield Problem(
                    "REQUIRES_FIELDS_MISSING_EXTERNAL",
                    f'@requires(fields: "{field.requires}") names no field that is @external.',
                    "Mark the required fields @external; what this subgraph knows itself it need "
                    "not require.",
                    (graph.name,),
                    coordinate,
                )
