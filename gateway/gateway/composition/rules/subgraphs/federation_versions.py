"""A subgraph links a federation version that this composition supports."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.subgraph_set import SubgraphSet
from gateway.errors import Problem

NEWEST = (2, 11)
_IDENTITY = "https://specs.apollo.dev/federation"


def check(subgraphs: SubgraphSet) -> Iterator[Problem]:
    """Yield a problem for every unsupported federation version."""
    for graph in subgraphs.graphs:
        spec = graph.specs.get("federation")
        if spec is None or spec.identity != _IDENTITY:
            continue
        if spec.version[0] != 2 or spec.version > NEWEST:
            version = ".".join(str(part) for part in spec.version)
            yield Problem(
                "UNKNOWN_FEDERATION_LINK_VERSION",
                f"Federation v{version} is not supported.",
                f"Link a version between v2.0 and v{NEWEST[0]}.{NEWEST[1]}.",
                (graph.name,),
            )
