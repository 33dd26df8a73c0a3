"""Makes the schema that clients see: the supergraph without join directives and hidden parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from graphql import (
    DefinitionNode,
    DirectiveDefinitionNode,
    DocumentNode,
    EnumTypeDefinitionNode,
    FieldDefinitionNode,
    GraphQLSchema,
    InputObjectTypeDefinitionNode,
    InputValueDefinitionNode,
    InterfaceTypeDefinitionNode,
    ListTypeNode,
    NamedTypeNode,
    Node,
    ObjectTypeDefinitionNode,
    SchemaDefinitionNode,
    SchemaExtensionNode,
    TypeDefinitionNode,
    TypeNode,
    UnionTypeDefinitionNode,
    build_ast_schema,
    parse,
)

from gateway.supergraph.specs import Spec

_PUBLIC = frozenset({"deprecated", "specifiedBy", "oneOf"})
_EXECUTABLE = frozenset(
    {
        "QUERY",
        "MUTATION",
        "SUBSCRIPTION",
        "FIELD",
        "FRAGMENT_DEFINITION",
        "FRAGMENT_SPREAD",
        "INLINE_FRAGMENT",
        "VARIABLE_DEFINITION",
    }
)
_N = TypeVar("_N", bound=Node)


def public_schema(document: DocumentNode, specs: Mapping[str, Spec]) -> GraphQLSchema:
    """Return the API schema of a supergraph document."""
    cleaner = _Cleaner(document, specs)
    definitions = tuple(
        cleaned for node in document.definitions if (cleaned := cleaner.definition(node))
    )
    if not any(_is_defer(node) for node in definitions):
        definitions += _DEFER.definitions
    return build_ast_schema(DocumentNode(definitions=definitions), assume_valid_sdl=True)


# No subgraph has to define it: the gateway itself defers parts of an answer.
_DEFER = parse(
    """
    directive @defer(if: Boolean! = true, label: String) on FRAGMENT_SPREAD | INLINE_FRAGMENT
    """,
    no_location=True,
)


def _is_defer(node: DefinitionNode) -> bool:
    return isinstance(node, DirectiveDefinitionNode) and node.name.value == "defer"


def named(node: TypeNode) -> str:
    """Return the named type inside a type reference."""
    while not isinstance(node, NamedTypeNode):
        node = node.type  # type: ignore[attr-defined]  # lists and non-nulls wrap one type
    return node.name.value


def type_text(node: TypeNode) -> str:
    """Print a type reference; graphql-core's general printer takes twenty times as long."""
    if isinstance(node, NamedTypeNode):
        return node.name.value
    inner = type_text(node.type)  # type: ignore[attr-defined]  # lists and non-nulls wrap one type
    return f"[{inner}]" if isinstance(node, ListTypeNode) else f"{inner}!"


class _Cleaner:
    """Copy definitions without hidden parts and without the directives of specifications."""

    def __init__(self, document: DocumentNode, specs: Mapping[str, Spec]) -> None:
        self.specs = tuple(specs.values())
        spec = specs.get("inaccessible")
        self.inaccessible = spec.directive("inaccessible") if spec else None
        self.hidden = {
            node.name.value
            for node in document.definitions
            if isinstance(node, TypeDefinitionNode)
            and (self.is_hidden(node) or self.belongs_to_spec(node.name.value))
        }

    def is_hidden(self, node: Node) -> bool:
        """Return whether a node is @inaccessible."""
        directives = getattr(node, "directives", None) or ()
        return any(item.name.value == self.inaccessible for item in directives)

    def belongs_to_spec(self, name: str) -> bool:
        """Return whether a name belongs to a linked specification."""
        return any(spec.owns(name) for spec in self.specs)

    def definition(self, node: DefinitionNode) -> DefinitionNode | None:
        """Return the public form of a definition; None if clients do not see it."""
        if isinstance(node, SchemaDefinitionNode | SchemaExtensionNode):
            return self.bare(node)
        if isinstance(node, DirectiveDefinitionNode):
            executable = any(place.value in _EXECUTABLE for place in node.locations)
            return (
                self.directive(node)
                if executable and not self.belongs_to_spec(node.name.value)
                else None
            )
        if isinstance(node, TypeDefinitionNode) and node.name.value not in self.hidden:
            return self.type(node)
        return None

    def directive(self, node: DirectiveDefinitionNode) -> DirectiveDefinitionNode:
        """Return the definition of a directive without hidden arguments."""
        return _copy(node, arguments=self.all(node.arguments, self.input_value))

    def type(self, node: TypeDefinitionNode) -> TypeDefinitionNode | None:
        """Return the public form of a type."""
        match node:
            case ObjectTypeDefinitionNode() | InterfaceTypeDefinitionNode():
                fields = self.all(node.fields, self.field)
                return self.bare(node, fields=fields, interfaces=self.visible(node.interfaces))
            case UnionTypeDefinitionNode():
                return self.bare(node, types=self.visible(node.types))
            case EnumTypeDefinitionNode():
                return self.bare(node, values=self.all(node.values, self.bare))
            case InputObjectTypeDefinitionNode():
                return self.bare(node, fields=self.all(node.fields, self.input_value))
            case _:
                return self.bare(node)

    def field(self, node: FieldDefinitionNode) -> FieldDefinitionNode | None:
        """Return the public form of a field; None if its type is hidden."""
        if named(node.type) in self.hidden:
            return None
        return self.bare(node, arguments=self.all(node.arguments, self.input_value))

    def input_value(self, node: InputValueDefinitionNode) -> InputValueDefinitionNode | None:
        """Return the public form of an argument or input field; None if its type is hidden."""
        return None if named(node.type) in self.hidden else self.bare(node)

    def visible(self, nodes: tuple[NamedTypeNode, ...] | None) -> tuple[NamedTypeNode, ...]:
        """Return the types that are not hidden."""
        return tuple(node for node in nodes or () if node.name.value not in self.hidden)

    def all(self, nodes: tuple[_N, ...] | None, clean: Callable[[_N], _N | None]) -> tuple[_N, ...]:
        """Return the public forms of all nodes that are not hidden."""
        cleaned = (clean(node) for node in nodes or () if not self.is_hidden(node))
        return tuple(node for node in cleaned if node is not None)

    def bare(self, node: _N, **changes: Any) -> _N:
        """Copy a node with its public directives only."""
        directives = getattr(node, "directives", None) or ()
        public = tuple(item for item in directives if item.name.value in _PUBLIC)
        return _copy(node, directives=public, **changes)


def _copy(node: _N, **changes: Any) -> _N:
    values = {key: getattr(node, key) for key in node.keys if key != "loc"}
    return type(node)(**{**values, **changes})
