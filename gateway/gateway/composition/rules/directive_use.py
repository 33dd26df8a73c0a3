"""Federation's directives stand only where they mean something."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.across import Across
from gateway.composition.carrying import CARRIED
from gateway.composition.parts import Graph, Output, Type
from gateway.errors import Problem


def check(across: Across) -> Iterator[Problem]:
    """Yield a problem for every directive on an interface field or root that cannot be there."""
    for graph in across.graphs:
        for kind, field in graph.outputs():
            yield from _twice(graph, kind, field)
            yield from _carried_on_external(graph, kind, field)
            if kind.kind == "INTERFACE":
                yield from _on_interface(graph, kind, field)
            elif kind.name == "Subscription" and field.has("shareable"):
                yield _problem(
                    graph,
                    kind,
                    field,
                    "INVALID_SHAREABLE_USAGE",
                    "Fields of Subscription cannot be shared: one subgraph sends the events.",
                    "Remove @shareable and keep the field in one subgraph.",
                )


def _on_interface(graph: Graph, kind: Type, field: Output) -> Iterator[Problem]:
    cases = {
        "external": ("EXTERNAL_ON_INTERFACE", graph.federation >= (2, 0)),
        "requires": ("REQUIRES_UNSUPPORTED_ON_INTERFACE", True),
        "provides": ("PROVIDES_UNSUPPORTED_ON_INTERFACE", True),
        "override": ("OVERRIDE_ON_INTERFACE", True),
        "shareable": ("INVALID_SHAREABLE_USAGE", True),
    }
    for name, (code, applies) in cases.items():
        if applies and field.has(name):
            yield _problem(
                graph,
                kind,
                field,
                code,
                f"@{name} means nothing on the field of an interface.",
                f"Put @{name} on the field of the objects that implement {kind.name}.",
            )


def _twice(graph: Graph, kind: Type, field: Output) -> Iterator[Problem]:
    names = [mark.name for mark in field.marks]
    for name in ("shareable", "external", "requires", "provides", "override", "inaccessible"):
        if names.count(name) > 1:
            yield _problem(
                graph,
                kind,
                field,
                "INVALID_SHAREABLE_USAGE" if name == "shareable" else "INVALID_GRAPHQL",
                f"@{name} stands twice on the field.",
                "Write it once.",
            )


def _carried_on_external(graph: Graph, kind: Type, field: Output) -> Iterator[Problem]:
    if not field.external or graph.federation < (2, 0):
        return
    for mark in field.marks:
        if mark.name in CARRIED:
            yield _problem(
                graph,
                kind,
                field,
                "MERGED_DIRECTIVE_APPLICATION_ON_EXTERNAL",
                f"@{mark.name} stands on an @external field, which this subgraph does not own.",
                f"Put @{mark.name} on the field in the subgraph that answers it.",
            )


def _problem(
    graph: Graph, kind: Type, field: Output, code: str, message: str, mend: str
) -> Problem:
    return Problem(code, message, mend, (graph.name,), f"{kind.name}.{field.name}")
