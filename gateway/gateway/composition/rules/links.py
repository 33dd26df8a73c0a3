"""A subgraph may only link federation versions that this composition knows."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.across import Across
from gateway.errors import Problem

NEWEST = (2, 11)
_IDENTITY = "https://specs.apollo.dev/federation"


def check(across: Across) -> Iterator[Problem]:
    """Yield a problem for every federation version that is unknown."""
    for graph in across.graphs:
        spec = graph.specs.get("federation")
        if spec is None or spec.identity != _IDENTITY:
            continue
        if spec.version[0] != 2 or spec.version > NEWEST:
            written = ".".join(str(part) for part in spec.version)
            yield Problem(
                "UNKNOWN_FEDERATION_LINK_VERSION",
                f"Federation v{written} is not known here.",
                f"Link a version between v2.0 and v{NEWEST[0]}.{NEWEST[1]}.",
                (graph.name,),
            )
