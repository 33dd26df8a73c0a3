"""Subgraph names are part of the supergraph: they are unique and can be printed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.composition.subgraph_set import SubgraphSet
from gateway.errors import Problem


def check(subgraphs: SubgraphSet) -> Iterator[Problem]:
    """Yield a problem for every name that is used twice or is invalid."""
    names = [graph.name for graph in subgraphs.graphs]
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            yield Problem(
                "INVALID_SUBGRAPH_NAME",
                f'Several subgraphs have the name "{name}".',
                "Give every subgraph a unique name.",
                (name,),
            )
        if not re.match(r"^[^\s\"\\](?:[^\"\\\n\r\t]*[^\s\"\\])?$", name):
            yield Problem(
                "INVALID_SUBGRAPH_NAME",
                f'"{name}" is not a valid name of a subgraph.',
                "Use letters, digits, - and _; not quotes, backslashes or line breaks.",
                (name,),
            )
