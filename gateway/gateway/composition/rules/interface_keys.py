"""Where an interface has a @key, every object that implements it has that key and is known."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.across import Across
from gateway.composition.field_sets import parsed
from gateway.errors import Problem


def check(across: Across) -> Iterator[Problem]:
    """Yield a problem for every implementation that lacks a key of its interface."""
    for graph in across.graphs:
        if graph.federation < (2, 3):
            continue
        for kind in graph.types.values():
            if kind.kind != "INTERFACE" or not kind.keys:
                continue
            for member in sorted(graph.possible(kind.name)):
                own = [(parsed(fields), enters) for fields, enters in graph.types[member].keys]
                for fields, enters in kind.keys:
                    if not any(key == parsed(fields) and (e or not enters) for key, e in own):
                        yield Problem(
                            "INTERFACE_KEY_NOT_ON_IMPLEMENTATION",
                            f'{kind.name} can be entered by the key "{fields}", {member} cannot.',
                            f'Add @key(fields: "{fields}") to {member}.',
                            (graph.name,),
                            member,
                        )
            for member in sorted(across.possible(kind.name) - graph.possible(kind.name)):
                if any(resolvable for _, resolvable in kind.keys):
                    yield Problem(
                        "INTERFACE_KEY_MISSING_IMPLEMENTATION_TYPE",
                        f"{kind.name} can be entered here by its key, but {member}, which "
                        "implements it elsewhere, is unknown here.",
                        f"Define {member} in {graph.name}, or make the key resolvable: false.",
                        (graph.name,),
                        kind.name,
                    )
