"""The schema of one subgraph in parts, with the directives of federation under canonical names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from graphql import ConstDirectiveNode, DirectiveDefinitionNode, print_ast

from gateway.supergraph.specs import Spec, argument, texts
from gateway.supergraph.views import Kind


@dataclass(frozen=True)
class Directive:
    """A directive on an element, under its canonical name."""

    name: str
    node: ConstDirectiveNode

    def text(self, name: str) -> str | None:
        """Return a string argument."""
        return next(texts(argument(self.node, name)), None)

    def flag(self, name: str, default: bool) -> bool:
        """Return a boolean argument."""
        value = argument(self.node, name)
        return default if value is None else bool(getattr(value, "value", default))

    def arguments(self) -> str:
        """Print the arguments; an explicit null equals an absent argument and is left out."""
        printed = [
            print_ast(item) for item in self.node.arguments or () if item.value.kind != "null_value"
        ]
        return f"({', '.join(printed)})" if printed else ""


class WithDirectives:
    """An element of the schema that carries directives."""

    name: str
    directives: tuple[Directive, ...]

    def has(self, name: str) -> bool:
        """Return whether the element carries a directive."""
        return any(directive.name == name for directive in self.directives)

    def directives_named(self, name: str) -> list[Directive]:
        """Return every use of a directive."""
        return [directive for directive in self.directives if directive.name == name]

    def text(self, name: str, argument_name: str) -> str | None:
        """Return a string argument of the first use of a directive."""
        uses = self.directives_named(name)
        return next((directive.text(argument_name) for directive in uses), None)


@dataclass(frozen=True)
class InputValue(WithDirectives):
    """An argument, or a field of an input object."""

    name: str
    type: str
    named: str
    default: str | None
    description: str | None
    directives: tuple[Directive, ...] = ()

    @property
    def required(self) -> bool:
        """Return whether a caller must provide it."""
        return self.type.endswith("!") and self.default is None


@dataclass(frozen=True)
class OutputField(WithDirectives):
    """A field of an object or interface."""

    name: str
    type: str
    named: str
    arguments: dict[str, InputValue]
    description: str | None
    directives: tuple[Directive, ...] = ()
    external: bool = False
    shareable: bool = False
    contextual: dict[str, InputValue] = field(default_factory=dict)  # hidden from every client

    @property
    def requires(self) -> str | None:
        """Return the field set that the field requires of other subgraphs."""
        return self.text("requires", "fields")

    @property
    def provides(self) -> str | None:
        """Return the field set of other subgraphs that the field provides."""
        return self.text("provides", "fields")

    @property
    def override(self) -> str | None:
        """Return the name of the subgraph that the field is overridden from."""
        return self.text("override", "from")


@dataclass(frozen=True)
class EnumValue(WithDirectives):
    """A value of an enum."""

    name: str
    description: str | None
    directives: tuple[Directive, ...] = ()


@dataclass(frozen=True)
class Type(WithDirectives):
    """A type of one subgraph, extensions merged in."""

    name: str
    kind: Kind
    description: str | None = None
    directives: tuple[Directive, ...] = ()
    fields: dict[str, OutputField] = field(default_factory=dict)
    inputs: dict[str, InputValue] = field(default_factory=dict)
    interfaces: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    values: dict[str, EnumValue] = field(default_factory=dict)
    extension: bool = False  # only `extend type`, or @extends

    @property
    def interface_object(self) -> bool:
        """Return whether this object represents an interface."""
        return self.kind == "OBJECT" and self.has("interfaceObject")

    @property
    def is_composite(self) -> bool:
        """Return whether fields can be selected of the type."""
        return self.kind in ("OBJECT", "INTERFACE", "UNION")

    @property
    def keys(self) -> list[tuple[str, bool]]:
        """Return the keys as (fields, resolvable)."""
        return [
            (directive.text("fields") or "", directive.flag("resolvable", True))
            for directive in self.directives_named("key")
        ]

    def but(self, **changes: object) -> Type:
        """Return a changed copy."""
        return replace(self, **changes)  # type: ignore[arg-type]  # names are checked by replace


@dataclass(frozen=True)
class SubgraphSchema:
    """One subgraph, read and normalised."""

    name: str
    id: str  # its value in the join__Graph enum
    url: str
    federation: tuple[int, int]  # (1, 0) for subgraphs that link nothing
    types: dict[str, Type]
    directive_definitions: dict[str, DirectiveDefinitionNode]
    specs: dict[str, Spec]
    composed: tuple[str, ...] = ()  # names of @composeDirective

    def possible_types(self, name: str) -> frozenset[str]:
        """Return the object types that a type can be in this subgraph."""
        definition = self.types.get(name)
        if definition is None:
            return frozenset()
        if definition.kind == "UNION":
            return frozenset(definition.members)
        if definition.kind == "INTERFACE":
            return frozenset(
                other.name
                for other in self.types.values()
                if other.kind == "OBJECT" and name in other.interfaces
            )
        return frozenset((name,))

    def outputs(self) -> Iterator[tuple[Type, OutputField]]:
        """Yield every field of objects and interfaces with its type."""
        for definition in self.types.values():
            for item in definition.fields.values():
                yield definition, item
