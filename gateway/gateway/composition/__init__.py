"""Composition: from the schemas of subgraphs to one supergraph, or to the problems that prevent it.

Subgraphs are read and normalised, every rule compares them, then they are merged and printed. At
last every path that a client can take through the supergraph is followed once.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.composition.merging import merge
from gateway.composition.printing import print_supergraph
from gateway.composition.reading import read_all
from gateway.composition.rules import find_problems
from gateway.composition.satisfiability import find_unreachable
from gateway.composition.subgraph_set import SubgraphSet
from gateway.errors import BadSupergraph, Problem
from gateway.memory import collector_paused
from gateway.supergraph import Subgraph, Supergraph, load

__all__ = ["compose"]


def compose(subgraphs: Sequence[Subgraph]) -> Supergraph | list[Problem]:
    """Return the supergraph of the subgraphs, or the problems that prevent it."""
    with collector_paused():
        return _compose(subgraphs)


def _compose(subgraphs: Sequence[Subgraph]) -> Supergraph | list[Problem]:
    schemas, problems = read_all(subgraphs)
    if problems:
        return problems
    subgraph_set = SubgraphSet(schemas)
    if problems := find_problems(subgraph_set):
        return problems
    try:
        supergraph = load(print_supergraph(merge(subgraph_set)))
    except BadSupergraph as error:
        return [Problem("INVALID_GRAPHQL", error.en, "Correct the type that the message names.")]
    return find_unreachable(supergraph) or supergraph
