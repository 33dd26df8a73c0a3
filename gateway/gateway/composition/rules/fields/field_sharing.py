"""A field that several subgraphs resolve is @shareable in all of them."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.subgraph_schema import OutputField, SubgraphSchema
from gateway.composition.subgraph_set import SubgraphSet
from gateway.errors import Problem


def check(subgraphs: SubgraphSet) -> Iterator[Problem]:
    """Yield a problem for every field of several owners that is not @shareable in all."""
    for name in subgraphs.declarations:
        if subgraphs.kind(name) != "OBJECT":
            continue
        for field in subgraphs.fields(name):
            owners = subgraphs.owners(name, field) + _interface_object_owners(
                subgraphs, name, field
            )
            providers = [
                graph.name
                for graph, item in subgraphs.fields(name)[field]
                if item.external and (name, field) in subgraphs.provided[graph.name]
            ]
            if len({graph.name for graph, _ in owners} | set(providers)) < 2:
                continue
            unshared = [
                graph.name
                for graph, item in owners
                if not item.shareable
                and (name, field) not in subgraphs.in_keys[graph.name]
                and not _is_part_of_override(subgraphs, graph, name, field)
            ]
            if name == "Subscription":
                unshared = [graph.name for graph, _ in owners]
            if unshared:
                names = tuple(graph.name for graph, _ in owners)
                yield Problem(
                    "INVALID_FIELD_SHARING",
                    f"{', '.join([*names, *providers])} resolve the field, but "
                    f"{', '.join(unshared)} does not declare it @shareable.",
                    "Mark it @shareable in all of them, @external where it is only used, or "
                    "@override it in the one that should resolve it.",
                    names,
                    f"{name}.{field}",
                )


def _is_part_of_override(
    subgraphs: SubgraphSet, graph: SubgraphSchema, name: str, field: str
) -> bool:
    """Return whether a progressive override decides which side resolves the field."""
    if (graph.name, name, field) in subgraphs.overridden:
        return True
    return graph.types[name].fields[field].override is not None if name in graph.types else False


def _interface_object_owners(
    subgraphs: SubgraphSet, name: str, field: str
) -> list[tuple[SubgraphSchema, OutputField]]:
    interfaces = subgraphs.interfaces(name) & subgraphs.interface_objects
    return [
        (graph, definition.fields[field])
        for interface in sorted(interfaces)
        for graph, definition in subgraphs.declarations.get(interface, ())
        if definition.interface_object
        and field in definition.fields
        and not definition.fields[field].external
        and (interface, field) not in subgraphs.in_keys[graph.name]
    ]
