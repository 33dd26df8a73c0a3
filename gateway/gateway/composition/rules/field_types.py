"""Subgraphs that answer one field agree on its type, or one type is wider than all others."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.across import Across
from gateway.composition.type_refs import merge_all, merge_output
from gateway.errors import Problem


def check(across: Across) -> Iterator[Problem]:
    """Yield a problem for every field whose types do not go together."""
    for name in across.sides:
        for field in across.fields(name):
            owners = across.answering(name, field)
            types = [item.type for _, item in owners]
            if not types or merge_all(types, lambda a, b: merge_output(a, b, across.is_subtype)):
                continue
            told = ", ".join(f"{item.type} in {graph.name}" for graph, item in owners)
            yield Problem(
                "FIELD_TYPE_MISMATCH",
                f"The field is {told}.",
                "Declare one type everywhere; they may differ in !, or by an interface or union "
                "that holds the others.",
                tuple(graph.name for graph, _ in owners),
                f"{name}.{field}",
            )
