"""@cost and @listSize refer to fields and arguments that exist.

Paths with dots (`input.page.first`, `page.items`) follow the IBM cost specification; Apollo's
composition supports one level only.
"""

from __future__ import annotations

from collections.abc import Iterator

from graphql import value_from_ast_untyped

from gateway.composition.subgraph_schema import (
    Directive,
    InputValue,
    OutputField,
    SubgraphSchema,
    Type,
)
from gateway.composition.subgraph_set import SubgraphSet
from gateway.errors import Problem
from gateway.supergraph.specs import argument, texts

_LEAVES = frozenset({"SCALAR", "ENUM"})


def check(subgraphs: SubgraphSet) -> Iterator[Problem]:
    """Yield a problem for every invalid @cost and @listSize."""
    for graph in subgraphs.graphs:
        for definition, field in graph.outputs():
            location = (graph.name,), f"{definition.name}.{field.name}"
            if definition.kind == "INTERFACE" and field.has("cost"):
                yield Problem(
                    "COST_APPLIED_TO_INTERFACE_FIELD",
                    "@cost has no effect on a field of an interface: objects' fields have costs.",
                    "Move @cost to the fields of the objects that implement it.",
                    *location,
                )
            for directive in field.directives_named("listSize"):
                for code, message, remedy in _list_size_problems(graph, field, directive):
                    yield Problem(code, message, remedy, *location)


def _list_size_problems(
    graph: SubgraphSchema, field: OutputField, directive: Directive
) -> Iterator[tuple[str, str, str]]:
    assumed = argument(directive.node, "assumedSize")
    value = value_from_ast_untyped(assumed) if assumed is not None else None
    if isinstance(value, int) and value < 0:
        yield (
            "LIST_SIZE_INVALID_ASSUMED_SIZE",
            f"assumedSize is {value}, but must not be negative.",
            "Set assumedSize to the largest number of items that is expected.",
        )
    sized = tuple(texts(argument(directive.node, "sizedFields")))
    if not sized and not _is_list(field.type):
        yield (
            "LIST_SIZE_APPLIED_TO_NON_LIST",
            f"The field has the type {field.type}, which is not a list.",
            "Remove @listSize, or name the lists below it in sizedFields.",
        )
    for path in texts(argument(directive.node, "slicingArguments")):
        if not _is_number(graph, field, path):
            yield (
                "LIST_SIZE_INVALID_SLICING_ARGUMENT",
                f'"{path}" is neither an argument of type Int nor an Int field of an argument.',
                "Name an argument that sets the number of items.",
            )
    for path in sized:
        yield from _sized_field_problems(graph, field, path)


def _is_number(graph: SubgraphSchema, field: OutputField, path: str) -> bool:
    first, *steps = path.split(".")
    value: InputValue | None = field.arguments.get(first)
    for step in steps:
        definition = graph.types.get(value.named) if value else None
        value = definition.inputs.get(step) if definition else None
    return value is not None and value.type in ("Int", "Int!")


def _sized_field_problems(
    graph: SubgraphSchema, field: OutputField, path: str
) -> Iterator[tuple[str, str, str]]:
    remedy = "Name a list field below this field."
    current: OutputField = field
    for step in path.split("."):
        definition: Type | None = graph.types.get(current.named)
        if definition is None or definition.kind in _LEAVES or step not in definition.fields:
            yield "LIST_SIZE_INVALID_SIZED_FIELD", f"{current.named} has no field {step}.", remedy
            return
        current = definition.fields[step]
    if not _is_list(current.type):
        yield "LIST_SIZE_APPLIED_TO_NON_LIST", f'The sized field "{path}" is not a list.', remedy


def _is_list(type_text: str) -> bool:
    return type_text.startswith("[")
