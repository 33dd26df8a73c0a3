"""Prints the merged schema as standard supergraph SDL."""

from __future__ import annotations

from collections.abc import Iterator

from graphql.language.block_string import print_block_string

from gateway.composition.merged import (
    Merged,
    MergedInput,
    MergedOutput,
    MergedType,
)

_KEYWORDS = {
    "OBJECT": "type",
    "INTERFACE": "interface",
    "UNION": "union",
    "ENUM": "enum",
    "INPUT_OBJECT": "input",
    "SCALAR": "scalar",
}
_LINK_TYPES = """\
scalar join__FieldSet

scalar link__Import

enum link__Purpose {
  \"\"\"
  `SECURITY` features provide metadata necessary to securely resolve fields.
  \"\"\"
  SECURITY

  \"\"\"
  `EXECUTION` features provide metadata necessary for operation execution.
  \"\"\"
  EXECUTION
}"""


def print_supergraph(merged: Merged) -> str:
    """Return the supergraph SDL."""
    parts = ["\n".join(_schema(merged)), *merged.definitions, "\n".join(_graphs(merged))]
    parts.append(_LINK_TYPES)
    parts += ["\n".join(_type(merged_type)) for merged_type in merged.types.values()]
    return "\n\n".join(parts) + "\n"


def _schema(merged: Merged) -> Iterator[str]:
    yield "schema"
    for link in merged.links:
        yield f"  {link}"
    yield "{"
    for operation in ("query", "mutation", "subscription"):
        if operation.title() in merged.types:
            yield f"  {operation}: {operation.title()}"
    yield "}"


def _graphs(merged: Merged) -> Iterator[str]:
    yield "enum join__Graph {"
    for value, name, url in merged.graphs:
        yield f'  {value} @join__graph(name: "{name}", url: "{url}")'
    yield "}"


def _type(merged: MergedType) -> Iterator[str]:
    yield from _description(merged.description, "")
    interfaces = f" implements {' & '.join(merged.interfaces)}" if merged.interfaces else ""
    yield f"{_KEYWORDS[merged.kind]} {merged.name}{interfaces}"
    for text in (*merged.joins, *merged.directives):
        yield f"  {text}"
    if merged.kind == "UNION":
        yield f" = {' | '.join(merged.members)}"
    elif merged.kind != "SCALAR":
        yield "{"
        for field in merged.fields.values():
            yield from _field(field)
        for item in merged.inputs:
            yield from _description(item.description, "  ")
            yield f"  {_input(item)}"
        for value in merged.values:
            yield from _description(value.description, "  ")
            yield "  " + " ".join((value.name, *value.joins, *value.directives))
        yield "}"


def _field(field: MergedOutput) -> Iterator[str]:
    yield from _description(field.description, "  ")
    tail = " ".join((field.type, *field.joins, *field.directives))
    if any(item.description for item in field.arguments):
        yield f"  {field.name}("
        for item in field.arguments:
            yield from _description(item.description, "    ")
            yield f"    {_input(item)}"
        yield f"  ): {tail}"
        return
    arguments = ", ".join(_input(item) for item in field.arguments)
    yield f"  {field.name}{f'({arguments})' if arguments else ''}: {tail}"


def _input(item: MergedInput) -> str:
    default = f" = {item.default}" if item.default is not None else ""
    return " ".join((f"{item.name}: {item.type}{default}", *item.joins, *item.directives))


def _description(text: str | None, indent: str) -> Iterator[str]:
    if text:
        for line in print_block_string(text).splitlines():
            yield f"{indent}{line}" if line else ""
