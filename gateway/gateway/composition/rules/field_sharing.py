"""A field that several subgraphs answer is @shareable in all of them."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.across import Across
from gateway.composition.parts import Graph, Output
from gateway.errors import Problem


def check(across: Across) -> Iterator[Problem]:
    """Yield a problem for every field that is answered twice without saying so."""
    for name in across.sides:
        if across.kind(name) != "OBJECT":
            continue
        for field in across.fields(name):
            owners = across.answering(name, field) + _lenders(across, name, field)
            partly = [
                graph.name
                for graph, item in across.fields(name)[field]
                if item.external and (name, field) in across.provided[graph.name]
            ]
            if len({graph.name for graph, _ in owners} | set(partly)) < 2:
                continue
            lonely = [
                graph.name
                for graph, item in owners
                if not item.shareable
                and (name, field) not in across.in_keys[graph.name]
                and not _taken_over(across, graph, name, field)
            ]
            if name == "Subscription":
                lonely = [graph.name for graph, _ in owners]
            if lonely:
                yield Problem(
                    "INVALID_FIELD_SHARING",
                    f"{', '.join([*(graph.name for graph, _ in owners), *partly])} answer the field, but "
                    f"{', '.join(lonely)} does not share it.",
                    "Mark it @shareable in all of them, @external where it is only used, or "
                    "@override it in the one that should answer it.",
                    tuple(graph.name for graph, _ in owners),
                    f"{name}.{field}",
                )


def _taken_over(across: Across, graph: Graph, name: str, field: str) -> bool:
    """Both sides of a progressive override answer the field, one at a time."""
    if (graph.name, name, field) in across.overridden:
        return True
    return graph.types[name].fields[field].override is not None if name in graph.types else False


def _lenders(across: Across, name: str, field: str) -> list[tuple[Graph, Output]]:
    interfaces = {interface for _, kind in across.sides[name] for interface in kind.interfaces}
    interfaces &= across.stood_in_for
    return [
        (graph, kind.fields[field])
        for interface in sorted(interfaces)
        for graph, kind in across.sides.get(interface, ())
        if kind.interface_object
        and field in kind.fields
        and not kind.fields[field].external
        and (interface, field) not in across.in_keys[graph.name]
    ]
