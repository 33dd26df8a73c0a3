"""Subgraph names are part of the supergraph: each is there once and can be printed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.composition.across import Across
from gateway.errors import Problem


def check(across: Across) -> Iterator[Problem]:
    """Yield a problem for every name that is used twice or cannot be used."""
    names = [graph.name for graph in across.graphs]
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            yield Problem(
                "INVALID_SUBGRAPH_NAME",
                f'Several subgraphs are called "{name}".',
                "Give every subgraph a name of its own.",
                (name,),
            )
        if not re.match(r"^[^\s\"\\](?:[^\"\\\n\r\t]*[^\s\"\\])?$", name):
            yield Problem(
                "INVALID_SUBGRAPH_NAME",
                f'"{name}" cannot name a subgraph.',
                "Use letters, digits, - and _; quotes, backslashes and line breaks cannot be printed.",
                (name,),
            )
