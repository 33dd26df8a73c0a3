"""What is said about costs and lengths of lists is about something that is there.

Paths with dots (`input.page.first`, `page.items`) are ours and the IBM specification's; Apollo's
composition knows one level only.
"""

from __future__ import annotations

from collections.abc import Iterator

from graphql import value_from_ast_untyped

from gateway.composition.across import Across
from gateway.composition.parts import Graph, Input, Mark, Output, Type
from gateway.errors import Problem
from gateway.supergraph.specs import argument, texts

_LEAVES = frozenset({"SCALAR", "ENUM"})


def check(across: Across) -> Iterator[Problem]:
    """Yield a problem for every @cost and @listSize that cannot be meant."""
    for graph in across.graphs:
        for kind, field in graph.outputs():
            place = (graph.name,), f"{kind.name}.{field.name}"
            if kind.kind == "INTERFACE" and field.has("cost"):
                yield Problem(
                    "COST_APPLIED_TO_INTERFACE_FIELD",
                    "A field of an interface costs what the object's own field does.",
                    "Move @cost to the fields of the objects that implement it.",
                    *place,
                )
            for mark in field.all("listSize"):
                for code, message, mend in _wrong(graph, field, mark):
                    yield Problem(code, message, mend, *place)


def _wrong(graph: Graph, field: Output, mark: Mark) -> Iterator[tuple[str, str, str]]:
    assumed = argument(mark.node, "assumedSize")
    value = value_from_ast_untyped(assumed) if assumed is not None else None
    if isinstance(value, int) and value < 0:
        yield (
            "LIST_SIZE_INVALID_ASSUMED_SIZE",
            f"No list has {value} entries.",
            "Set assumedSize to the most entries that are expected.",
        )
    sized = tuple(texts(argument(mark.node, "sizedFields")))
    if not sized and not _is_list(field.type):
        yield (
            "LIST_SIZE_APPLIED_TO_NON_LIST",
            f"The field is a {field.type}, no list.",
            "Remove @listSize, or name the lists below it in sizedFields.",
        )
    for path in texts(argument(mark.node, "slicingArguments")):
        if not _is_number(graph, field, path):
            yield (
                "LIST_SIZE_INVALID_SLICING_ARGUMENT",
                f'"{path}" is no argument of type Int, nor a field of one.',
                "Name an argument that says how many entries are wanted.",
            )
    for path in sized:
        yield from _unsized(graph, field, path)


def _is_number(graph: Graph, field: Output, path: str) -> bool:
    first, *steps = path.split(".")
    found: Input | None = field.arguments.get(first)
    for step in steps:
        kind = graph.types.get(found.named) if found else None
        found = kind.inputs.get(step) if kind else None
    return found is not None and found.type in ("Int", "Int!")


def _unsized(graph: Graph, field: Output, path: str) -> Iterator[tuple[str, str, str]]:
    mend = "Name a field below this one that is a list."
    found: Output = field
    for step in path.split("."):
        kind: Type | None = graph.types.get(found.named)
        if kind is None or kind.kind in _LEAVES or step not in kind.fields:
            yield "LIST_SIZE_INVALID_SIZED_FIELD", f"{found.named} has no field {step}.", mend
            return
        found = kind.fields[step]
    if not _is_list(found.type):
        yield "LIST_SIZE_APPLIED_TO_NON_LIST", f'The sized field "{path}" is no list.', mend


def _is_list(kind: str) -> bool:
    return kind.startswith("[")
