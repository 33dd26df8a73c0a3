"""Builds supergraphs out of short SDL, for tests of composition and planning."""

from __future__ import annotations

import re

from graphql import print_schema

from gateway.composition import compose
from gateway.errors import Problem
from gateway.operation import parse_operation
from gateway.plan import print_plan
from gateway.planning import plan
from gateway.supergraph import Subgraph, Supergraph

LINK = """
extend schema @link(url: "https://specs.apollo.dev/federation/v2.11", import: [
  "@key", "@shareable", "@external", "@requires", "@provides", "@override", "@inaccessible", "@tag",
  "@interfaceObject", "@authenticated", "@requiresScopes", "@policy", "@cost", "@listSize",
  "@composeDirective", "@context", "@fromContext"
])
"""


def subgraphs(sdl: dict[str, str]) -> list[Subgraph]:
    """Federation 2 subgraphs by name; SDL that links something itself is left as it is."""
    return [
        Subgraph(name, f"http://{name}.test/graphql", text if "@link(" in text else LINK + text)
        for name, text in sdl.items()
    ]


def a_supergraph(**sdl: str) -> Supergraph:
    """The supergraph of subgraphs that compose."""
    found = compose(subgraphs(sdl))
    assert isinstance(found, Supergraph), "\n".join(str(problem) for problem in found)
    return found


def problems(**sdl: str) -> list[Problem]:
    """The problems of subgraphs that do not compose."""
    found = compose(subgraphs(sdl))
    assert isinstance(found, list), found.sdl
    return found


def planned(supergraph: Supergraph, query: str) -> str:
    """The plan of a query, as text."""
    return print_plan(plan(supergraph, parse_operation(query)))


def api(supergraph: Supergraph) -> str:
    """The schema that clients see, without @defer, which every gateway has."""
    return re.sub(r"directive @defer\(.*\n\n", "", print_schema(supergraph.schema))
