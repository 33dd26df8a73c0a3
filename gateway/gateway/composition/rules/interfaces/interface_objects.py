"""An @interfaceObject represents an interface that another subgraph defines."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.subgraph_set import SubgraphSet
from gateway.errors import Problem


def check(subgraphs: SubgraphSet) -> Iterator[Problem]:
    """Yield a problem for every @interfaceObject without a key or without an interface."""
    for name, declarations in subgraphs.declarations.items():
        interface_objects = [
            (graph, definition) for graph, definition in declarations if definition.interface_object
        ]
        if not interface_objects:
            continue
        for graph, definition in interface_objects:
            if not definition.keys:
                yield Problem(
                    "INTERFACE_OBJECT_USAGE_ERROR",
                    "An @interfaceObject without a @key cannot be reached.",
                    f"Give {name} the @key of the interface in the other subgraphs.",
                    (graph.name,),
                    name,
                )
            for member in sorted(subgraphs.possible_types(name) & set(graph.types) - {name}):
                yield Problem(
                    "INTERFACE_OBJECT_USAGE_ERROR",
                    f"{graph.name} has {name} as @interfaceObject and also defines {member}, which "
                    "implements it.",
                    f"Keep only one of the two in {graph.name}.",
                    (graph.name,),
                    member,
                )
        if len(interface_objects) == len(declarations):
            yield Problem(
                "INTERFACE_OBJECT_USAGE_ERROR",
                f"Every subgraph has {name} as @interfaceObject; none defines the interface.",
                f"Define interface {name} with a @key and its implementations in one subgraph.",
                tuple(graph.name for graph, _ in declarations),
                name,
            )
