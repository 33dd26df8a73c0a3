"""The merged schema, before it is printed."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.supergraph.views import Kind


@dataclass(frozen=True)
class MergedInput:
    """An argument or input field."""

    name: str
    type: str
    default: str | None
    description: str | None
    directives: tuple[str, ...]  # printed, those that the supergraph takes over from subgraphs
    joins: tuple[str, ...] = ()  # printed join directives


@dataclass(frozen=True)
class MergedOutput:
    """A field of an object or interface."""

    name: str
    type: str
    arguments: tuple[MergedInput, ...]
    description: str | None
    directives: tuple[str, ...]
    joins: tuple[str, ...]


@dataclass(frozen=True)
class MergedValue:
    """A value of an enum."""

    name: str
    description: str | None
    directives: tuple[str, ...]
    joins: tuple[str, ...]


@dataclass(frozen=True)
class MergedType:
    """A type of the supergraph."""

    name: str
    kind: Kind
    description: str | None
    directives: tuple[str, ...]
    joins: tuple[str, ...]
    fields: dict[str, MergedOutput] = field(default_factory=dict)
    inputs: tuple[MergedInput, ...] = ()
    values: tuple[MergedValue, ...] = ()
    members: tuple[str, ...] = ()
    interfaces: tuple[str, ...] = ()


@dataclass(frozen=True)
class Merged:
    """The merged schema."""

    graphs: tuple[tuple[str, str, str], ...]  # enum value, name, url
    types: dict[str, MergedType]
    definitions: tuple[str, ...]  # printed directive definitions
    links: tuple[str, ...]  # printed @link of the schema
