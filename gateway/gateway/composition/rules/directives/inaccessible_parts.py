"""What clients see does not depend on what is @inaccessible."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.composition.subgraph_schema import InputValue, OutputField
from gateway.composition.subgraph_set import SubgraphSet
from gateway.errors import Problem


def check(subgraphs: SubgraphSet) -> Iterator[Problem]:
    """Yield a problem for every visible element that depends on an inaccessible one."""
    hidden = {
        name
        for name, declarations in subgraphs.declarations.items()
        if any(declaration.has("inaccessible") for _, declaration in declarations)
    }
    if "Query" in hidden:
        yield _problem(
            "QUERY_ROOT_TYPE_INACCESSIBLE",
            "The root type Query is @inaccessible.",
            "Hide single fields of Query instead.",
            "Query",
        )
    for name in subgraphs.declarations:
        if name not in hidden:
            yield from _of_fields(subgraphs, name, hidden)
            yield from _of_input_fields(subgraphs, name)
            yield from _of_whole_type(subgraphs, name, hidden)


def _of_fields(subgraphs: SubgraphSet, name: str, hidden: set[str]) -> Iterator[Problem]:
    for field, declarations in subgraphs.fields(name).items():
        if any(item.has("inaccessible") for _, item in declarations):
            yield from _of_interfaces(subgraphs, name, field, hidden)
            continue
        named = declarations[0][1].named
        if named in hidden:
            yield _problem(
                "REFERENCED_INACCESSIBLE",
                f"The field is visible, but its type {named} is @inaccessible.",
                f"Hide the field too, or show {named}.",
                f"{name}.{field}",
            )
        for _, item in declarations:
            yield from _of_arguments(subgraphs, f"{name}.{field}", item, hidden)


def _of_arguments(
    subgraphs: SubgraphSet, field: str, item: OutputField, hidden: set[str]
) -> Iterator[Problem]:
    for argument in item.arguments.values():
        coordinate = f"{field}({argument.name}:)"
        if argument.has("inaccessible"):
            if argument.required:
                yield _problem(
                    "REQUIRED_INACCESSIBLE",
                    "The argument is required and @inaccessible, so no client could select the "
                    "field.",
                    "Give it a default or make it optional.",
                    coordinate,
                )
        elif hidden_value := _hidden_default(subgraphs, argument):
            yield _problem(
                "DEFAULT_VALUE_USES_INACCESSIBLE",
                f"The argument's default is {hidden_value}, which is @inaccessible.",
                f"Choose another default, or show {hidden_value}.",
                coordinate,
            )
        elif argument.named in hidden:
            yield _problem(
                "REFERENCED_INACCESSIBLE",
                f"The argument is visible, but its type {argument.named} is @inaccessible.",
                f"Hide the argument too, or show {argument.named}.",
                coordinate,
            )


def _of_input_fields(subgraphs: SubgraphSet, name: str) -> Iterator[Problem]:
    for _, declaration in subgraphs.declarations[name]:
        for item in declaration.inputs.values():
            if item.has("inaccessible") and item.required:
                yield _problem(
                    "REQUIRED_INACCESSIBLE",
                    "The input field is required and @inaccessible, so no client could send the "
                    "input.",
                    "Give it a default or make it optional.",
                    f"{name}.{item.name}",
                )


def _of_whole_type(subgraphs: SubgraphSet, name: str, hidden: set[str]) -> Iterator[Problem]:
    """Yield a problem if the type is visible, but each of its parts is hidden in a subgraph."""
    parts: dict[str, bool] = {}  # whether each field, value or member is hidden
    for field, declarations in subgraphs.fields(name).items():
        parts[field] = any(item.has("inaccessible") for _, item in declarations)
    for _, declaration in subgraphs.declarations[name]:
        for item in (*declaration.values.values(), *declaration.inputs.values()):
            parts[item.name] = parts.get(item.name, False) or item.has("inaccessible")
        for member in declaration.members:
            parts[member] = member in hidden
    if parts and all(parts.values()):
        yield _problem(
            "ONLY_INACCESSIBLE_CHILDREN",
            "The type is visible, but everything in it is @inaccessible.",
            "Hide the type too, or show a part of it.",
            name,
        )


def _of_interfaces(
    subgraphs: SubgraphSet, name: str, field: str, hidden: set[str]
) -> Iterator[Problem]:
    """Yield a problem for every visible interface that declares a hidden field."""
    for interface in sorted(subgraphs.interfaces(name) - hidden):
        if interface not in subgraphs.declarations:
            continue
        declarations = subgraphs.fields(interface).get(field, [])
        if declarations and not any(item.has("inaccessible") for _, item in declarations):
            yield _problem(
                "IMPLEMENTED_BY_INACCESSIBLE",
                f"The field is @inaccessible, but the visible interface {interface} declares it.",
                f"Hide {interface}.{field} too.",
                f"{name}.{field}",
            )


def _hidden_default(subgraphs: SubgraphSet, argument: InputValue) -> str | None:
    """Return the hidden enum value that a default uses, None if there is none."""
    if argument.default is None:
        return None
    hidden = {
        value.name
        for _, declaration in subgraphs.declarations.get(argument.named, ())
        for value in declaration.values.values()
        if value.has("inaccessible")
    }
    return next((word for word in re.findall(r"\w+", argument.default) if word in hidden), None)


def _problem(code: str, message: str, remedy: str, coordinate: str) -> Problem:
    return Problem(code, message, remedy, (), coordinate)
