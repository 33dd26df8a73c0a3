"""Contexts: a type sets one with @context, an argument further down takes a value out of it with @fromContext."""

from __future__ import annotations

import re

from gateway.composition.parts import Graph, Input, Output

_USE = re.compile(r"^\s*\$(?P<context>[A-Za-z_]\w*)(?P<selection>.*)$", re.DOTALL)


def use_of(argument: Input) -> tuple[str, str] | None:
    """Return which context an argument uses and what it selects there; None if it says neither."""
    found = _USE.match(argument.text("fromContext", "field") or "")
    if found is None or not found["selection"].strip():
        return None
    return found["context"], found["selection"]


def setters(graph: Graph) -> dict[str, list[str]]:
    """Return by context the types that set it."""
    found: dict[str, list[str]] = {}
    for kind in graph.types.values():
        for mark in kind.all("context"):
            found.setdefault(mark.text("name") or "", []).append(kind.name)
    return found


def full_name(graph: Graph, context: str) -> str:
    """Return what a context is called in the supergraph: contexts of two subgraphs never meet."""
    return f"{graph.name}__{context}"


def join_arguments(graph: Graph, field: Output) -> str | None:
    """Print what the supergraph says of a field's contextual arguments."""
    found = []
    for argument in field.contextual.values():
        use = use_of(argument)
        if use is not None:
            context, selection = use
            flat = " ".join(selection.split()).replace("\\", "\\\\").replace('"', '\\"')
            found.append(
                f'{{context: "{full_name(graph, context)}", name: "{argument.name}", '
                f'type: "{argument.type}", selection: " {flat}"}}'
            )
    return f"contextArguments: [{', '.join(found)}]" if found else None
