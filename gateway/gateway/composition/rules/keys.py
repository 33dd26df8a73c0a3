"""A @key names fields of its own type, plain enough to be sent as a representation."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.across import Across
from gateway.composition.field_sets import seen_in
from gateway.composition.parts import Graph, Type
from gateway.composition.rules._field_set import misfits
from gateway.errors import Problem


def check(across: Across) -> Iterator[Problem]:
    """Yield a problem for every key that cannot be used."""
    for graph in across.graphs:
        for kind in graph.types.values():
            if kind.kind == "INTERFACE" and (2, 0) <= graph.federation < (2, 3) and kind.keys:
                yield Problem(
                    "KEY_UNSUPPORTED_ON_INTERFACE",
                    "Keys on interfaces are part of federation v2.3 and later.",
                    "Link https://specs.apollo.dev/federation/v2.3 or remove the key.",
                    (graph.name,),
                    kind.name,
                )
            for fields, _ in kind.keys:
                yield from misfits(graph, "key", kind.name, kind.name, fields)
                yield from _unfit(graph, kind, fields)


def _unfit(graph: Graph, kind: Type, fields: str) -> Iterator[Problem]:
    for seen in seen_in(graph.types, kind.name, fields):
        if seen.output is None:
            continue
        if seen.output.arguments:
            yield Problem(
                "KEY_FIELDS_HAS_ARGS",
                f"The key uses {seen.parent}.{seen.name}, which takes arguments.",
                "Key a type by fields without arguments.",
                (graph.name,),
                kind.name,
            )
        below = graph.types.get(seen.output.named)
        if below is not None and below.kind in ("INTERFACE", "UNION"):
            yield Problem(
                "KEY_FIELDS_SELECT_INVALID_TYPE",
                f"The key uses {seen.parent}.{seen.name} of type {seen.output.type}; "
                "interfaces and unions cannot be part of a key.",
                "Key the type by scalars, or by fields of an object.",
                (graph.name,),
                kind.name,
            )
