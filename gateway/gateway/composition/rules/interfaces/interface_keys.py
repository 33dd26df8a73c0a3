"""Where an interface has a @key, every implementation is defined there and has that key."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.field_sets import try_parse
from gateway.composition.subgraph_set import SubgraphSet
from gateway.errors import Problem


def check(subgraphs: SubgraphSet) -> Iterator[Problem]:
    """Yield a problem for every implementation without the keys of its interface."""
    for graph in subgraphs.graphs:
        if graph.federation < (2, 3):
            continue
        for definition in graph.types.values():
            if definition.kind != "INTERFACE" or not definition.keys:
                continue
            for member in sorted(graph.possible_types(definition.name)):
                own = [(try_parse(fields), enters) for fields, enters in graph.types[member].keys]
                for fields, enters in definition.keys:
                    if not any(key == try_parse(fields) and (e or not enters) for key, e in own):
                        yield Problem(
                            "INTERFACE_KEY_NOT_ON_IMPLEMENTATION",
                            f'{definition.name} has the key "{fields}", but {member}, which '
                            "implements it, does not.",
                            f'Add @key(fields: "{fields}") to {member}.',
                            (graph.name,),
                            member,
                        )
            for member in sorted(
                subgraphs.possible_types(definition.name) - graph.possible_types(definition.name)
            ):
                if any(resolvable for _, resolvable in definition.keys):
                    yield Problem(
                        "INTERFACE_KEY_MISSING_IMPLEMENTATION_TYPE",
                        f"{definition.name} has a resolvable key in {graph.name}, but {member}, "
                        "which implements it in another subgraph, is not defined there.",
                        f"Define {member} in {graph.name}, or make the key resolvable: false.",
                        (graph.name,),
                        definition.name,
                    )
