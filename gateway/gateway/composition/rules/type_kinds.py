"""A name means the same kind of type in every subgraph."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.across import Across
from gateway.errors import Problem


def check(across: Across) -> Iterator[Problem]:
    """Yield a problem for every name that is two kinds of type."""
    for name, sides in across.sides.items():
        kinds: dict[str, list[str]] = {}
        for graph, kind in sides:
            stands_for = "INTERFACE" if kind.interface_object else kind.kind
            kinds.setdefault(stands_for, []).append(graph.name)
        if len(kinds) > 1:
            told = "; ".join(f"{kind} in {', '.join(names)}" for kind, names in kinds.items())
            yield Problem(
                "TYPE_KIND_MISMATCH",
                f"The type is {told}.",
                "Make it one kind everywhere, or rename one of the types.",
                tuple(graph.name for graph, _ in sides),
                name,
            )
