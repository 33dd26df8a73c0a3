"""A supergraph: the schema that clients see, and every type as each subgraph sees it.

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
    """One subgraph as its team provides it."""

    name: str
    url: str
    sdl: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The name and address of a subgraph."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class EntityKey:
    """A key to enter a type by, or, if not resolvable, only to refer to an entity."""

    fields: str
    resolvable: bool = True


@dataclass(frozen=True, slots=True)
class FieldView:
    """One field as one subgraph sees it."""

    name: str
    type: str  # as this subgraph declares it, e.g. "[Product!]!"
    named: str  # the named type inside, e.g. "Product"
    external: bool = False  # declared, but resolved by others (unless a @provides says so)
    requires: str | None = None
    provides: str | None = None
    overridden: bool = False  # another subgraph overrides it; it only serves keys and @requires
    override_label: str | None = (
        None  # progressive: resolved (if overridden: not) while the label is active
    )
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
    interface_object: bool = False  # an interface in other subgraphs, an object here


@dataclass(frozen=True, slots=True)
class GraphView:
    """One subgraph inside the supergraph."""

    endpoint: Endpoint
    types: Mapping[str, TypeView]


@dataclass(frozen=True)
class Supergraph:
    """Everything that is derived from one supergraph SDL; a reload replaces it as a whole."""

    sdl: str  # standard supergraph SDL (join spec)
    schema: GraphQLSchema = field(repr=False, compare=False)  # what clients see
    graphs: Mapping[str, GraphView] = field(repr=False, compare=False)  # by subgraph name
    contexts: Mapping[str, frozenset[str]] = field(default_factory=dict, repr=False, compare=False)
    """The names of the types that set a context, by context."""

    @cached_property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """Return the addresses of the subgraphs, by name."""
        return {name: graph.endpoint for name, graph in self.graphs.items()}
