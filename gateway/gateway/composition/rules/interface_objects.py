"""An @interfaceObject stands for an interface that another subgraph defines."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.across import Across
from gateway.errors import Problem


def check(across: Across) -> Iterator[Problem]:
    """Yield a problem for every @interfaceObject without a key, an interface, or with rivals."""
    for name, sides in across.sides.items():
        stand_ins = [(graph, kind) for graph, kind in sides if kind.interface_object]
        if not stand_ins:
            continue
        for graph, kind in stand_ins:
            if not kind.keys:
                yield Problem(
                    "INTERFACE_OBJECT_USAGE_ERROR",
                    "An @interfaceObject without a @key can never be reached.",
                    f"Give {name} the @key that the interface has elsewhere.",
                    (graph.name,),
                    name,
                )
            for member in sorted(across.possible(name) & set(graph.types) - {name}):
                yield Problem(
                    "INTERFACE_OBJECT_USAGE_ERROR",
                    f"{graph.name} stands in for {name} and also defines {member}, which "
                    "implements it.",
                    f"Keep only one of the two in {graph.name}.",
                    (graph.name,),
                    member,
                )
        if len(stand_ins) == len(sides):
            yield Problem(
                "INTERFACE_OBJECT_USAGE_ERROR",
                f"Every subgraph has {name} as @interfaceObject; nobody defines the interface.",
                f"Define interface {name} with a @key and its implementations in one subgraph.",
                tuple(graph.name for graph, _ in sides),
                name,
            )
