"""What a supergraph is: the schema that clients see, and which subgraph owns what.

Field sets (`@key`, `@requires`, `@provides`) stay text here; planning parses them once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from graphql import GraphQLSchema

Kind = Literal["OBJECT", "INTERFACE", "UNION", "ENUM", "INPUT_OBJECT", "SCALAR"]


@dataclass(frozen=True, slots=True)
class Subgraph:
    """One subgraph as its team hands it in."""

    name: str
    url: str
    sdl: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a subgraph answers."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class EntityKey:
    """A way to enter a type from outside, or, if not resolvable, only to refer to it."""

    fields: str
    resolvable: bool = True


@dataclass(frozen=True, slots=True)
class FieldView:
    """One field as one subgraph sees it."""

    name: str
    type: str  # as this subgraph declares it, e.g. "[Product!]!"
    named: str  # the named type inside, e.g. "Product"
    external: bool = False  # declared, but answered elsewhere (unless some @provides says so)
    requires: str | None = None
    provides: str | None = None
    overridden: bool = False  # another subgraph took it over; only good as a key or @requires input
    override_label: str | None = None  # progressive: counts (or, if overridden, not) when active
    context: tuple[tuple[str, str, str, str], ...] = ()  # (context, argument, its type, selection)

    @property
    def needs_inputs(self) -> bool:
        """Return whether the subgraph must be entered with values from elsewhere to resolve it."""
        return self.requires is not None or bool(self.context)


@dataclass(frozen=True, slots=True)
class TypeView:
    """One type as one subgraph sees it."""

    name: str
    kind: Kind
    keys: tuple[EntityKey, ...] = ()
    fields: Mapping[str, FieldView] = field(default_factory=dict)
    interfaces: frozenset[str] = frozenset()
    members: frozenset[str] = frozenset()  # object types: of a union, or implementing an interface
    values: frozenset[str] = frozenset()  # of an enum
    interface_object: bool = False  # an interface elsewhere, an object here


@dataclass(frozen=True, slots=True)
class GraphView:
    """One subgraph inside the supergraph."""

    endpoint: Endpoint
    types: Mapping[str, TypeView]


@dataclass(frozen=True)
class Supergraph:
    """Everything derived from one supergraph SDL, swapped whole at a reload."""

    sdl: str  # standard supergraph SDL (join spec)
    schema: GraphQLSchema = field(repr=False, compare=False)  # what clients see
    graphs: Mapping[str, GraphView] = field(repr=False, compare=False)  # by subgraph name
    contexts: Mapping[str, frozenset[str]] = field(default_factory=dict, repr=False, compare=False)
    """By context the types that set it."""

    @cached_property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """The addresses of the subgraphs, by name."""
        return {name: graph.endpoint for name, graph in self.graphs.items()}
