"""A field that some call external is answered by somebody."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.across import Across
from gateway.errors import Problem


def check(across: Across) -> Iterator[Problem]:
    """Yield a problem for every field that is external everywhere."""
    for name in across.sides:
        for field, sides in across.fields(name).items():
            used = [graph for graph, _ in sides if across.is_used(graph, name, field)]
            if used and not across.answering(name, field) and not _lent(across, name, field):
                yield Problem(
                    "EXTERNAL_MISSING_ON_BASE",
                    "The field is @external wherever it is defined.",
                    "Define it without @external in the subgraph that answers it.",
                    tuple(graph.name for graph, _ in sides),
                    f"{name}.{field}",
                )


def _lent(across: Across, name: str, field: str) -> bool:
    """Tell whether an @interfaceObject answers the field for this type."""
    interfaces = {interface for _, kind in across.sides[name] for interface in kind.interfaces}
    return any(
        kind.interface_object and field in kind.fields and not kind.fields[field].external
        for interface in interfaces
        for _, kind in across.sides.get(interface, ())
    )
