"""The parts of a subgraph's schema, with federation's directives under their own names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from graphql import ConstDirectiveNode, DirectiveDefinitionNode, print_ast

from gateway.supergraph.specs import Spec, argument, texts
from gateway.supergraph.views import Kind


@dataclass(frozen=True)
class Mark:
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
        """Print the arguments; a null says what leaving it out says, so it is left out."""
        kept = [
            print_ast(item) for item in self.node.arguments or () if item.value.kind != "null_value"
        ]
        return f"({', '.join(kept)})" if kept else ""


class Marked:
    """Anything that carries directives."""

    marks: tuple[Mark, ...]

    def has(self, name: str) -> bool:
        """Tell whether a directive is there."""
        return any(mark.name == name for mark in self.marks)

    def all(self, name: str) -> list[Mark]:
        """Return every use of a directive."""
        return [mark for mark in self.marks if mark.name == name]

    def text(self, name: str, argument_name: str) -> str | None:
        """Return a string argument of the first use of a directive."""
        return next((mark.text(argument_name) for mark in self.all(name)), None)


@dataclass(frozen=True)
class Input(Marked):
    """An argument, or a field of an input object."""

    name: str
    type: str
    named: str
    default: str | None
    description: str | None
    marks: tuple[Mark, ...] = ()

    @property
    def required(self) -> bool:
        """Tell whether it must be given."""
        return self.type.endswith("!") and self.default is None


@dataclass(frozen=True)
class Output(Marked):
    """A field of an object or interface."""

    name: str
    type: str
    named: str
    arguments: dict[str, Input]
    description: str | None
    marks: tuple[Mark, ...] = ()
    external: bool = False
    shareable: bool = False
    contextual: dict[str, Input] = field(default_factory=dict)  # arguments no client ever sees

    @property
    def requires(self) -> str | None:
        """What the field needs from other subgraphs."""
        return self.text("requires", "fields")

    @property
    def provides(self) -> str | None:
        """What the field brings along of foreign fields."""
        return self.text("provides", "fields")

    @property
    def override(self) -> str | None:
        """From whom the field was taken over."""
        return self.text("override", "from")


@dataclass(frozen=True)
class Value(Marked):
    """A value of an enum."""

    name: str
    description: str | None
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True)
class Type(Marked):
    """A type of one subgraph, extensions merged in."""

    name: str
    kind: Kind
    description: str | None = None
    marks: tuple[Mark, ...] = ()
    fields: dict[str, Output] = field(default_factory=dict)
    inputs: dict[str, Input] = field(default_factory=dict)
    interfaces: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    values: dict[str, Value] = field(default_factory=dict)
    extension: bool = False  # only `extend type`, or @extends

    @property
    def interface_object(self) -> bool:
        """Tell whether this object stands for an interface."""
        return self.kind == "OBJECT" and self.has("interfaceObject")

    @property
    def keys(self) -> list[tuple[str, bool]]:
        """The keys as (fields, resolvable)."""
        return [
            (mark.text("fields") or "", mark.flag("resolvable", True)) for mark in self.all("key")
        ]

    def but(self, **changes: object) -> Type:
        """Return a changed copy."""
        return replace(self, **changes)  # type: ignore[arg-type]  # names are checked by replace


@dataclass(frozen=True)
class Graph:
    """One subgraph, read and normalised."""

    name: str
    id: str  # its value in the join__Graph enum
    url: str
    federation: tuple[int, int]  # (1, 0) for subgraphs that link nothing
    types: dict[str, Type]
    directives: dict[str, DirectiveDefinitionNode]
    specs: dict[str, Spec]
    composed: tuple[str, ...] = ()  # names of @composeDirective

    def possible(self, name: str) -> frozenset[str]:
        """Return the object types that a type can be here."""
        found = self.types.get(name)
        if found is None:
            return frozenset()
        if found.kind == "UNION":
            return frozenset(found.members)
        if found.kind == "INTERFACE":
            return frozenset(
                item.name
                for item in self.types.values()
                if item.kind == "OBJECT" and name in item.interfaces
            )
        return frozenset((name,))

    def outputs(self) -> Iterator[tuple[Type, Output]]:
        """Yield every field of objects and interfaces."""
        for kind in self.types.values():
            for item in kind.fields.values():
                yield kind, item
