"""Checks a field set of @key, @provides or @requires against its type."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.field_sets import MentionedField, mentioned_fields, try_parse
from gateway.composition.subgraph_schema import SubgraphSchema
from gateway.errors import Problem
from gateway.operation import Field, Selection


def check_field_set(
    graph: SubgraphSchema, directive: str, coordinate: str, type_name: str, text: str
) -> Iterator[Problem]:
    """Yield a problem for every part of a field set that does not fit the type."""
    name = directive.upper()
    location = (graph.name,), coordinate
    selections = try_parse(text)
    if selections is None or not selections:
        yield Problem(
            f"{name}_INVALID_FIELDS",
            f'@{directive}(fields: "{text}") is not a valid field set.',
            'Write field names separated by spaces: "id organization { id }".',
            *location,
        )
        return
    if _has_directive(selections):
        yield Problem(
            f"{name}_DIRECTIVE_IN_FIELDS_ARG",
            f'@{directive}(fields: "{text}") contains a directive.',
            "Remove the directive: a field set has no conditional parts.",
            *location,
        )
    for mentioned in mentioned_fields(graph.types, type_name, text):
        if mentioned.output is None:
            yield Problem(
                f"{name}_INVALID_FIELDS",
                f'@{directive}(fields: "{text}") uses {mentioned.parent}.{mentioned.name}, which '
                "this subgraph does not define.",
                f"Add {mentioned.name} to {mentioned.parent} here"
                + ("." if directive == "key" else " and mark it @external."),
                *location,
            )
            continue
        yield from _wrong_depth(graph, directive, coordinate, text, mentioned)
        for argument in mentioned.output.arguments.values():
            if argument.required and f"{argument.name}:" not in mentioned.selection.arguments:
                yield Problem(
                    f"{name}_INVALID_FIELDS",
                    f'@{directive}(fields: "{text}") lacks the argument {argument.name}, which '
                    f"{mentioned.parent}.{mentioned.name} requires.",
                    f"Add the argument: {mentioned.name}({argument.name}: …).",
                    *location,
                )


def _wrong_depth(
    graph: SubgraphSchema, directive: str, coordinate: str, text: str, mentioned: MentionedField
) -> Iterator[Problem]:
    assert mentioned.output is not None
    definition = graph.types.get(mentioned.output.named)
    composite = definition is not None and definition.is_composite
    if composite and not mentioned.selection.selections:
        yield Problem(
            f"{directive.upper()}_INVALID_FIELDS",
            f'@{directive}(fields: "{text}") selects no fields of {mentioned.name}.',
            f"Select the needed fields: {mentioned.name} {{ id }}.",
            (graph.name,),
            coordinate,
        )
    if not composite and mentioned.selection.selections:
        yield Problem(
            f"{directive.upper()}_INVALID_FIELDS",
            f'@{directive}(fields: "{text}") selects inside {mentioned.name}, which has no fields.',
            f"Write only {mentioned.name}.",
            (graph.name,),
            coordinate,
        )


def _has_directive(selections: tuple[Selection, ...]) -> bool:
    return any(
        bool(item.guard)
        or (isinstance(item, Field) and bool(item.directives))
        or _has_directive(item.selections)
        for item in selections
    )
