"""Contexts: a type sets one with @context, an argument further down reads it with @fromContext."""

from __future__ import annotations

import re

from gateway.composition.subgraph_schema import InputValue, OutputField, SubgraphSchema

_USE = re.compile(r"^\s*\$(?P<context>[A-Za-z_]\w*)(?P<selection>.*)$", re.DOTALL)


def context_use(argument: InputValue) -> tuple[str, str] | None:
    """Return the context that an argument uses and its selection; None if one is missing."""
    match = _USE.match(argument.text("fromContext", "field") or "")
    if match is None or not match["selection"].strip():
        return None
    return match["context"], match["selection"]


def context_setters(graph: SubgraphSchema) -> dict[str, list[str]]:
    """Return the names of the types that set a context, by context."""
    setters: dict[str, list[str]] = {}
    for definition in graph.types.values():
        for directive in definition.directives_named("context"):
            setters.setdefault(directive.text("name") or "", []).append(definition.name)
    return setters


def full_context_name(graph: SubgraphSchema, context: str) -> str:
    """Return a context's name in the supergraph: contexts of two subgraphs are never the same."""
    return f"{graph.name}__{context}"


def print_context_arguments(graph: SubgraphSchema, field: OutputField) -> str | None:
    """Print the argument of @join__field for a field's contextual arguments, None without any."""
    printed = []
    for argument in field.contextual.values():
        use = context_use(argument)
        if use is not None:
            context, selection = use
            flat = " ".join(selection.split()).replace("\\", "\\\\").replace('"', '\\"')
            printed.append(
                f'{{context: "{full_context_name(graph, context)}", name: "{argument.name}", '
                f'type: "{argument.type}", selection: " {flat}"}}'
            )
    return f"contextArguments: [{', '.join(printed)}]" if printed else None
