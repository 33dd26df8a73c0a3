"""A field is taken over from one other subgraph, and only where that makes sense."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.composition.across import Across
from gateway.composition.parts import Graph, Output, Type
from gateway.errors import Problem

_LABEL = re.compile(r"^[A-Za-z][\w\-:./]*$|^percent\((\d{1,2}(\.\d{1,8})?|100)\)$")


def check(across: Across) -> Iterator[Problem]:
    """Yield a problem for every @override that cannot work."""
    for graph in across.graphs:
        for kind, field in graph.outputs():
            if field.override is not None and kind.kind != "INTERFACE":
                yield from _wrong(across, graph, kind, field)


def _wrong(across: Across, graph: Graph, kind: Type, field: Output) -> Iterator[Problem]:
    source = field.override
    place = (graph.name,), f"{kind.name}.{field.name}"
    if source == graph.name:
        yield Problem(
            "OVERRIDE_FROM_SELF_ERROR",
            f"The field is taken over from {source}, its own subgraph.",
            "Name the subgraph that answered it before.",
            *place,
        )
        return
    label = field.text("override", "label")
    if label is not None and not _LABEL.match(label):
        yield Problem(
            "OVERRIDE_LABEL_INVALID",
            f'"{label}" is not a label.',
            'Write a name such as "new-prices", or "percent(25)".',
            *place,
        )
    if field.external or field.has("external"):
        yield Problem(
            "OVERRIDE_COLLISION_WITH_ANOTHER_DIRECTIVE",
            "A field cannot be @external and taken over at once.",
            "Remove @external: after the override this subgraph answers the field.",
            *place,
        )
    for other in across.graphs:
        if other.name != source or kind.name not in other.types:
            continue
        theirs = other.types[kind.name].fields.get(field.name)
        if theirs is None:
            continue
        if theirs.override is not None:
            yield Problem(
                "OVERRIDE_SOURCE_HAS_OVERRIDE",
                f"{source} itself takes the field over from {theirs.override}.",
                "Override the field once, from the subgraph that answers it.",
                (graph.name, other.name),
                f"{kind.name}.{field.name}",
            )
        for name in ("requires", "provides"):
            if theirs.has(name):
                yield Problem(
                    "OVERRIDE_COLLISION_WITH_ANOTHER_DIRECTIVE",
                    f"In {source} the field carries @{name}, so it cannot be taken over.",
                    f"Remove @{name} there first.",
                    (graph.name, other.name),
                    f"{kind.name}.{field.name}",
                )
