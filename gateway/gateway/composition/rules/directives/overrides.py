"""A field is overridden from one other subgraph, which resolves it itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.composition.subgraph_schema import OutputField, SubgraphSchema, Type
from gateway.composition.subgraph_set import SubgraphSet
from gateway.errors import Problem

_LABEL = re.compile(r"^[A-Za-z][\w\-:./]*$|^percent\((\d{1,2}(\.\d{1,8})?|100)\)$")


def check(subgraphs: SubgraphSet) -> Iterator[Problem]:
    """Yield a problem for every invalid @override."""
    for graph in subgraphs.graphs:
        for definition, field in graph.outputs():
            if field.override is not None and definition.kind != "INTERFACE":
                yield from _override_problems(subgraphs, graph, definition, field)


def _override_problems(
    subgraphs: SubgraphSet, graph: SubgraphSchema, definition: Type, field: OutputField
) -> Iterator[Problem]:
    source = field.override
    location = (graph.name,), f"{definition.name}.{field.name}"
    if source == graph.name:
        yield Problem(
            "OVERRIDE_FROM_SELF_ERROR",
            f"@override names {source}, the subgraph of the field itself.",
            "Name the subgraph that resolved the field before.",
            *location,
        )
        return
    label = field.text("override", "label")
    if label is not None and not _LABEL.match(label):
        yield Problem(
            "OVERRIDE_LABEL_INVALID",
            f'"{label}" is not a valid label.',
            'Write a name such as "new-prices", or "percent(25)".',
            *location,
        )
    if field.external or field.has("external"):
        yield Problem(
            "OVERRIDE_COLLISION_WITH_ANOTHER_DIRECTIVE",
            "A field cannot carry both @external and @override.",
            "Remove @external: after the override this subgraph resolves the field.",
            *location,
        )
    for other in subgraphs.graphs:
        if other.name != source or definition.name not in other.types:
            continue
        theirs = other.types[definition.name].fields.get(field.name)
        if theirs is None:
            continue
        if theirs.override is not None:
            yield Problem(
                "OVERRIDE_SOURCE_HAS_OVERRIDE",
                f"{source} itself overrides the field from {theirs.override}.",
                "Override the field once, from the subgraph that resolves it.",
                (graph.name, other.name),
                f"{definition.name}.{field.name}",
            )
        for name in ("requires", "provides"):
            if theirs.has(name):
                yield Problem(
                    "OVERRIDE_COLLISION_WITH_ANOTHER_DIRECTIVE",
                    f"In {source} the field carries @{name}, so it cannot be overridden.",
                    f"Remove @{name} there first.",
                    (graph.name, other.name),
                    f"{definition.name}.{field.name}",
                )
