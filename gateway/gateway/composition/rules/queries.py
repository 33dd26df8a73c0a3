"""A supergraph can be queried, and nobody else is called like its root."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.across import Across
from gateway.errors import Problem


def check(across: Across) -> Iterator[Problem]:
    """Yield a problem when there is no query at all."""
    if not any(kind.fields for _, kind in across.sides.get("Query", ())):
        yield Problem(
            "NO_QUERIES",
            "No subgraph has a field on Query.",
            "Add at least one query to one subgraph.",
            tuple(graph.name for graph in across.graphs),
        )
