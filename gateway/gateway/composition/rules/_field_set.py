"""What @key, @provides and @requires have in common: a field set that must fit its type."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.field_sets import Seen, parsed, seen_in
from gateway.composition.parts import Graph
from gateway.errors import Problem
from gateway.operation import Field, Selection


def misfits(
    graph: Graph, directive: str, coordinate: str, type_name: str, text: str
) -> Iterator[Problem]:
    """Yield a problem for every part of a field set that does not fit the type."""
    name = directive.upper()
    place = (graph.name,), coordinate
    selections = parsed(text)
    if selections is None or not selections:
        yield Problem(
            f"{name}_INVALID_FIELDS",
            f'@{directive}(fields: "{text}") is not a field set.',
            'Write names of fields with spaces between them: "id organization { id }".',
            *place,
        )
        return
    if _has_directive(selections):
        yield Problem(
            f"{name}_DIRECTIVE_IN_FIELDS_ARG",
            f'@{directive}(fields: "{text}") contains a directive.',
            "Remove the directive: a field set is always taken whole.",
            *place,
        )
    for seen in seen_in(graph.types, type_name, text):
        if seen.output is None:
            yield Problem(
                f"{name}_INVALID_FIELDS",
                f'@{directive}(fields: "{text}") mentions {seen.parent}.{seen.name}, which this '
                "subgraph does not define.",
                f"Add {seen.name} to {seen.parent} here"
                + ("." if directive == "key" else " and mark it @external."),
                *place,
            )
            continue
        yield from _wrong_depth(graph, directive, coordinate, text, seen)
        for argument in seen.output.arguments.values():
            if argument.required and f"{argument.name}:" not in seen.selection.arguments:
                yield Problem(
                    f"{name}_INVALID_FIELDS",
                    f'@{directive}(fields: "{text}") leaves out the argument {argument.name}, which '
                    f"{seen.parent}.{seen.name} requires.",
                    f"Write it out: {seen.name}({argument.name}: …).",
                    *place,
                )


def _wrong_depth(
    graph: Graph, directive: str, coordinate: str, text: str, seen: Seen
) -> Iterator[Problem]:
    assert seen.output is not None
    kind = graph.types.get(seen.output.named)
    composite = kind is not None and kind.kind in ("OBJECT", "INTERFACE", "UNION")
    if composite and not seen.selection.selections:
        yield Problem(
            f"{directive.upper()}_INVALID_FIELDS",
            f'@{directive}(fields: "{text}") says nothing about the fields of {seen.name}.',
            f"Select what is needed of it: {seen.name} {{ id }}.",
            (graph.name,),
            coordinate,
        )
    if not composite and seen.selection.selections:
        yield Problem(
            f"{directive.upper()}_INVALID_FIELDS",
            f'@{directive}(fields: "{text}") selects inside {seen.name}, which has no fields.',
            f"Write only {seen.name}.",
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
