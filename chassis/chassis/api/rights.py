"""A right stands on its field as data and is checked once per operation, before any row is read.

    @strawberry.field(metadata=right("Invoice"))

The rights of all selected fields are collected when a document is prepared; a request then asks
the guard once for each distinct right. A field without a right needs a signed-in actor; one marked
`open_to_all` needs nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
)

RIGHT = "huichi.right"
_DEFINITION = "strawberry-definition"
_SILENT = object()
_LOCAL = frozenset({"__typename", "__schema", "__type", "_service"})


@dataclass(frozen=True, slots=True)
class Right:
    """To do something to an object, as the policy names both."""

    object: str
    action: str


@dataclass(frozen=True, slots=True)
class Requirements:
    """What an operation needs: rights with the coordinate that first asked for each, and whether
    anybody must be signed in."""

    rights: Mapping[Right, str]
    signed_in: bool


def right(object: str, action: str = "read") -> dict[str, Any]:
    """Metadata of a field that needs this right."""
    return {RIGHT: Right(object, action)}


def open_to_all() -> dict[str, Any]:
    """Metadata of a field that needs nobody to be signed in."""
    return {RIGHT: None}


def requirements(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode
) -> Requirements:
    """The rights of every field the operation selects, each fragment visited once per type."""
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    found: dict[Right, str] = {}
    signed_in = False
    visited: set[tuple[str, str, bool]] = set()
    # The flag tells that the field above is open to all: what it returns asks for no more.
    waiting: list[tuple[SelectionSetNode, GraphQLNamedType | None, bool]] = [
        (operation.selection_set, schema.get_root_type(operation.operation), False)
    ]
    while waiting:
        selections, parent, opened = waiting.pop()
        for node in selections.selections:
            if isinstance(node, FieldNode):
                name = node.name.value
                field = getattr(parent, "fields", {}).get(name)
                if name in _LOCAL or field is None:
                    continue
                free = opened
                for owner in _implementations(schema, parent):
                    declared = _declared(owner, name)
                    if isinstance(declared, Right):
                        found.setdefault(declared, f"{owner.name if owner else ''}.{name}")
                        free = False
                    elif declared is None:
                        free = True
                signed_in = signed_in or not free
                if node.selection_set:
                    waiting.append((node.selection_set, get_named_type(field.type), free))
            elif isinstance(node, InlineFragmentNode):
                on = node.type_condition
                inner = schema.get_type(on.name.value) if on else parent
                waiting.append((node.selection_set, inner, opened))
            elif isinstance(node, FragmentSpreadNode):
                fragment = fragments.get(node.name.value)
                key = (node.name.value, parent.name if parent else "", opened)
                if fragment is not None and key not in visited:
                    visited.add(key)
                    inner = schema.get_type(fragment.type_condition.name.value)
                    waiting.append((fragment.selection_set, inner, opened))
    return Requirements(found, signed_in)


def _implementations(
    schema: GraphQLSchema, parent: GraphQLNamedType | None
) -> Iterable[GraphQLNamedType | None]:
    """A field of an interface may need what any of its implementations needs."""
    if parent is None or isinstance(parent, GraphQLObjectType):
        return (parent,)
    return (parent, *schema.get_possible_types(parent))  # type: ignore[arg-type]  # abstract by now


def _declared(owner: GraphQLNamedType | None, name: str) -> object:
    """The right of a field, `None` for one that is open to all, `_SILENT` where nothing stands."""
    field = getattr(owner, "fields", {}).get(name)
    definition = (field.extensions or {}).get(_DEFINITION) if field is not None else None
    metadata: Mapping[str, Any] = getattr(definition, "metadata", None) or {}
    return metadata.get(RIGHT, _SILENT)
