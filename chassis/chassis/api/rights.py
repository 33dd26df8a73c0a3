"""The rights of fields: declared as data, checked once per operation before any row is read.

    @strawberry.field(metadata=right("Invoice"))

The rights of all selected fields are collected when a document is prepared; a request then asks
the guard once for each distinct right. A field without a right needs a signed-in user; one marked
`open_to_all` is answered to everyone.
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
_UNDECLARED = object()
_LOCAL = frozenset({"__typename", "__schema", "__type", "_service"})


@dataclass(frozen=True, slots=True)
class Right:
    """The right to do an action to an object, as the policy names both."""

    object: str
    action: str


@dataclass(frozen=True, slots=True)
class Requirements:
    """What an operation needs of its caller.

    `rights` maps each right to the first coordinate that needs it; `signed_in` says whether a token
    is needed.
    """

    rights: Mapping[Right, str]
    signed_in: bool


def right(object: str, action: str = "read") -> dict[str, Any]:
    """Return the metadata of a field that needs a right."""
    return {RIGHT: Right(object, action)}


def open_to_all() -> dict[str, Any]:
    """Return the metadata of a field that is answered without a token."""
    return {RIGHT: None}


def requirements(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode
) -> Requirements:
    """Return the rights of all selected fields; a fragment is visited once per type."""
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    rights: dict[Right, str] = {}
    signed_in = False
    visited: set[tuple[str, str, bool]] = set()
    # The flag: the field above is open to all, so what it returns needs no token either.
    pending: list[tuple[SelectionSetNode, GraphQLNamedType | None, bool]] = [
        (operation.selection_set, schema.get_root_type(operation.operation), False)
    ]
    while pending:
        selections, parent, open_above = pending.pop()
        for node in selections.selections:
            if isinstance(node, FieldNode):
                name = node.name.value
                field = getattr(parent, "fields", {}).get(name)
                if name in _LOCAL or field is None:
                    continue
                is_open = _collect(rights, _implementations(schema, parent), name, open_above)
                signed_in = signed_in or not is_open
                if node.selection_set:
                    pending.append((node.selection_set, get_named_type(field.type), is_open))
            elif isinstance(node, InlineFragmentNode):
                on = node.type_condition
                inner = schema.get_type(on.name.value) if on else parent
                pending.append((node.selection_set, inner, open_above))
            elif isinstance(node, FragmentSpreadNode):
                fragment = fragments.get(node.name.value)
                key = (node.name.value, parent.name if parent else "", open_above)
                if fragment is not None and key not in visited:
                    visited.add(key)
                    inner = schema.get_type(fragment.type_condition.name.value)
                    pending.append((fragment.selection_set, inner, open_above))
    return Requirements(rights, signed_in)


def _collect(
    rights: dict[Right, str],
    owners: Iterable[GraphQLNamedType | None],
    field: str,
    open_above: bool,
) -> bool:
    """Add the rights of a field to `rights`; return whether it is open to all."""
    is_open = open_above
    for owner in owners:
        declared = _declared(owner, field)
        if isinstance(declared, Right):
            rights.setdefault(declared, f"{owner.name if owner else ''}.{field}")
            is_open = False
        elif declared is None:
            is_open = True
    return is_open


def _implementations(
    schema: GraphQLSchema, parent: GraphQLNamedType | None
) -> Iterable[GraphQLNamedType | None]:
    """Return a type and its implementations: an interface's field may need their rights."""
    if parent is None or isinstance(parent, GraphQLObjectType):
        return (parent,)
    return (parent, *schema.get_possible_types(parent))  # type: ignore[arg-type]  # abstract by now


def _declared(owner: GraphQLNamedType | None, name: str) -> object:
    """Return the right of a field, `None` if open to all, `_UNDECLARED` if it declares nothing."""
    field = getattr(owner, "fields", {}).get(name)
    definition = (field.extensions or {}).get(_DEFINITION) if field is not None else None
    metadata: Mapping[str, Any] = getattr(definition, "metadata", None) or {}
    return metadata.get(RIGHT, _UNDECLARED)
