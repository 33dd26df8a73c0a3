"""An object has all fields that its interfaces have in any subgraph."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.subgraph_set import SubgraphSet
from gateway.errors import Problem


def check(subgraphs: SubgraphSet) -> Iterator[Problem]:
    """Yield a problem for every field that an implementation does not have."""
    for name, declarations in subgraphs.declarations.items():
        if subgraphs.kind(name) != "INTERFACE":
            continue
        added = {
            f
            for _, definition in declarations
            if definition.interface_object
            for f in definition.fields
        }
        required = [field for field in subgraphs.fields(name) if field not in added]
        for member in sorted(subgraphs.possible_types(name)):
            if member == name:
                continue
            fields = subgraphs.fields(member)
            for field in required:
                if field not in fields and not _added_by_interface_object(subgraphs, member, field):
                    owners = ", ".join(graph.name for graph, _ in subgraphs.fields(name)[field])
                    yield Problem(
                        "INTERFACE_FIELD_NO_IMPLEM",
                        f"{member} implements {name}, which has the field {field} in {owners}, "
                        "but no subgraph defines it for the object.",
                        f"Add {field} to {member} in a subgraph.",
                        tuple(graph.name for graph, _ in subgraphs.declarations[member]),
                        f"{member}.{field}",
                    )


def _added_by_interface_object(subgraphs: SubgraphSet, member: str, field: str) -> bool:
    """Return whether an @interfaceObject adds the field to this type."""
    return any(
        definition.interface_object and field in definition.fields
        for interface in subgraphs.interfaces(member)
        for _, definition in subgraphs.declarations.get(interface, ())
    )
