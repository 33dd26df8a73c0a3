"""A @key names fields of its own type that can be sent in a representation."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.field_sets import mentioned_fields
from gateway.composition.rules.field_sets.fitting import check_field_set
from gateway.composition.subgraph_schema import SubgraphSchema, Type
from gateway.composition.subgraph_set import SubgraphSet
from gateway.errors import Problem


def check(subgraphs: SubgraphSet) -> Iterator[Problem]:
    """Yield a problem for every invalid key."""
    for graph in subgraphs.graphs:
        for definition in graph.types.values():
            if (
                definition.kind == "INTERFACE"
                and (2, 0) <= graph.federation < (2, 3)
                and definition.keys
            ):
                yield Problem(
                    "KEY_UNSUPPORTED_ON_INTERFACE",
                    "Keys on interfaces are part of federation v2.3 and later.",
                    "Link https://specs.apollo.dev/federation/v2.3 or remove the key.",
                    (graph.name,),
                    definition.name,
                )
            for fields, _ in definition.keys:
                yield from check_field_set(graph, "key", definition.name, definition.name, fields)
                yield from _unusable_fields(graph, definition, fields)


def _unusable_fields(graph: SubgraphSchema, definition: Type, fields: str) -> Iterator[Problem]:
    for mentioned in mentioned_fields(graph.types, definition.name, fields):
        if mentioned.output is None:
            continue
        if mentioned.output.arguments:
            yield Problem(
                "KEY_FIELDS_HAS_ARGS",
                f"The key uses {mentioned.parent}.{mentioned.name}, which takes arguments.",
                "Use fields without arguments as key.",
                (graph.name,),
                definition.name,
            )
        below = graph.types.get(mentioned.output.named)
        if below is not None and below.kind in ("INTERFACE", "UNION"):
            yield Problem(
                "KEY_FIELDS_SELECT_INVALID_TYPE",
                f"The key uses {mentioned.parent}.{mentioned.name} of type "
                f"{mentioned.output.type}; interfaces and unions cannot be part of a key.",
                "Use scalars, or fields of an object, as key.",
                (graph.name,),
                definition.name,
            )
