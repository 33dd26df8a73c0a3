"""A field that is @external in one subgraph is resolved by another."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.subgraph_set import SubgraphSet
from gateway.errors import Problem


def check(subgraphs: SubgraphSet) -> Iterator[Problem]:
    """Yield a problem for every field that is @external in every subgraph."""
    for name in subgraphs.declarations:
        for field, declarations in subgraphs.fields(name).items():
            users = [graph for graph, _ in declarations if subgraphs.is_used(graph, name, field)]
            if (
                users
                and not subgraphs.owners(name, field)
                and not _resolved_by_interface_object(subgraphs, name, field)
            ):
                yield Problem(
                    "EXTERNAL_MISSING_ON_BASE",
                    "The field is @external in every subgraph that declares it.",
                    "Declare it without @external in the subgraph that resolves it.",
                    tuple(graph.name for graph, _ in declarations),
                    f"{name}.{field}",
                )


def _resolved_by_interface_object(subgraphs: SubgraphSet, name: str, field: str) -> bool:
    """Return whether an @interfaceObject resolves the field for this type."""
    return any(
        definition.interface_object
        and field in definition.fields
        and not definition.fields[field].external
        for interface in subgraphs.interfaces(name)
        for _, definition in subgraphs.declarations.get(interface, ())
    )
