"""Composition: from the schemas of subgraphs to one supergraph, or to the reasons why not.

Subgraphs are read and normalised, every rule looks at them side by side, then they are merged and
printed, and at last every path that a client can take is walked once.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.composition.across import Across
from gateway.composition.merging import merge
from gateway.composition.printing import print_supergraph
from gateway.composition.reading import read_all
from gateway.composition.rules import broken
from gateway.composition.satisfiability import unreachable
from gateway.errors import BadSupergraph, Problem
from gateway.memory import collector_paused
from gateway.supergraph import Subgraph, Supergraph, load

__all__ = ["compose"]


def compose(subgraphs: Sequence[Subgraph]) -> Supergraph | list[Problem]:
    """Return the supergraph, or every problem found."""
    with collector_paused():
        return _compose(subgraphs)


def _compose(subgraphs: Sequence[Subgraph]) -> Supergraph | list[Problem]:
    graphs, problems = read_all(subgraphs)
    if problems:
        return problems
    across = Across(graphs)
    if problems := broken(across):
        return problems
    try:
        supergraph = load(print_supergraph(merge(across)))
    except BadSupergraph as error:
        return [Problem("INVALID_GRAPHQL", error.en, "Mend the type that the message names.")]
    return unreachable(supergraph) or supergraph
