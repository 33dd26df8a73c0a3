"""An object that implements an interface has all the fields that the interface has anywhere."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.across import Across
from gateway.errors import Problem


def check(across: Across) -> Iterator[Problem]:
    """Yield a problem for every implementation that lacks a field."""
    for name, sides in across.sides.items():
        if across.kind(name) != "INTERFACE":
            continue
        lent = {f for _, kind in sides if kind.interface_object for f in kind.fields}
        wanted = [field for field in across.fields(name) if field not in lent]
        for member in sorted(across.possible(name)):
            if member == name:
                continue
            own = across.fields(member)
            for field in wanted:
                if field not in own and not _lent_elsewhere(across, member, field):
                    yield Problem(
                        "INTERFACE_FIELD_NO_IMPLEM",
                        f"{member} implements {name}, which has the field {field} in "
                        f"{', '.join(graph.name for graph, _ in across.fields(name)[field])}, but "
                        "no subgraph gives it to the object.",
                        f"Add {field} to {member} in a subgraph.",
                        tuple(graph.name for graph, _ in across.sides[member]),
                        f"{member}.{field}",
                    )


def _lent_elsewhere(across: Across, member: str, field: str) -> bool:
    interfaces = {interface for _, kind in across.sides[member] for interface in kind.interfaces}
    return any(
        kind.interface_object and field in kind.fields
        for interface in interfaces
        for _, kind in across.sides.get(interface, ())
    )
