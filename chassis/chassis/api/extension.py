"""Add fields to a GraphQL type from the capability that knows them; imports only point down.

Types of a graph point at each other; modules must not. The lower capability declares the type with
the fields it knows, an upper one writes the fields it adds as a class of resolvers, and the
service's `schema.py`, which stands above both, joins them before the schema is built.
"""

from __future__ import annotations

from typing import Any

from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.private import is_private


def extend(type_: type[Any], *extensions: type[Any]) -> None:
    """Append the fields of `@strawberry.type` classes to another one, in the order given.

    The resolvers' `self` is an instance of the extended type; private fields of an extension only
    declare the attributes its resolvers read there. Extending twice with the same class changes
    nothing. Raises `TypeError` where a field is declared twice.
    """
    definition = _definition(type_)
    names = {field.python_name for field in definition.fields}
    applied: set[type[Any]] = type_.__dict__.get("_extensions", set())
    for extension in extensions:
        if extension in applied:
            continue
        for field in _definition(extension).fields:
            if is_private(field.type):
                continue
            if field.python_name in names:
                raise TypeError(f"{definition.name}.{field.python_name} is declared twice")
            names.add(field.python_name)
            definition.fields.append(field)
        applied.add(extension)
    type_._extensions = applied


def _definition(type_: type[Any]) -> StrawberryObjectDefinition:
    definition: StrawberryObjectDefinition = type_.__strawberry_definition__
    return definition
