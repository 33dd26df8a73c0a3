"""The supergraph as tests read it: every coordinate, and what is declared sensitive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    build_ast_schema,
    parse,
)
from graphql.utilities import value_from_ast_untyped

from onebox.schemas import ROOT

Part = GraphQLField | GraphQLArgument | GraphQLInputField


@cache
def supergraph() -> GraphQLSchema:
    text = (ROOT / "gateway" / "supergraph.graphql").read_text()
    return build_ast_schema(parse(text), assume_valid_sdl=True)


def parts(schema: GraphQLSchema) -> Iterator[tuple[str, Part]]:
    """Every field, argument and input field, by its coordinate."""
    for name, kind in schema.type_map.items():
        if name.startswith("__") or not isinstance(
            kind, GraphQLObjectType | GraphQLInputObjectType
        ):
            continue
        for field_name, field in kind.fields.items():
            yield f"{name}.{field_name}", field
            if isinstance(field, GraphQLField):
                for argument_name, argument in field.args.items():
                    yield f"{name}.{field_name}({argument_name}:)", argument


def declared(part: Part) -> Mapping[str, Any] | None:
    """What `@sensitive` says of it."""
    for directive in (part.ast_node.directives if part.ast_node else None) or ():
        if directive.name.value == "sensitive":
            return {
                a.name.value: value_from_ast_untyped(a.value) for a in directive.arguments or ()
            }
    return None
