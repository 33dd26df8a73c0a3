"""What clients see must stand without what they must not see."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.composition.across import Across
from gateway.composition.parts import Input
from gateway.errors import Problem


def check(across: Across) -> Iterator[Problem]:
    """Yield a problem for every visible part that leans on an inaccessible one."""
    hidden = {
        name
        for name, sides in across.sides.items()
        if any(side.has("inaccessible") for _, side in sides)
    }
    if "Query" in hidden:
        yield _problem(
            "QUERY_ROOT_TYPE_INACCESSIBLE",
            "The root type Query is @inaccessible.",
            "Hide single fields of Query instead.",
            "Query",
        )
    for name in across.sides:
        if name in hidden:
            continue
        yield from _of_type(across, name, hidden)


def _of_type(across: Across, name: str, hidden: set[str]) -> Iterator[Problem]:
    sides = across.sides[name]
    parts: dict[str, bool] = {}
    for field, owners in across.fields(name).items():
        parts[field] = any(item.has("inaccessible") for _, item in owners)
        if parts[field]:
            yield from _promised(across, name, field, hidden)
            continue
        target = owners[0][1].named
        if target in hidden:
            yield _problem(
                "REFERENCED_INACCESSIBLE",
                f"The field is visible, but its type {target} is @inaccessible.",
                f"Hide the field too, or show {target}.",
                f"{name}.{field}",
            )
        for _, item in owners:
            for argument in item.arguments.values():
                place = f"{name}.{field}({argument.name}:)"
                if argument.has("inaccessible") and argument.required:
                    yield _problem(
                        "REQUIRED_INACCESSIBLE",
                        "The argument is required and @inaccessible, so nobody could call the field.",
                        "Give it a default or make it optional.",
                        place,
                    )
                elif not argument.has("inaccessible") and (
                    used := _hidden_default(across, argument)
                ):
                    yield _problem(
                        "DEFAULT_VALUE_USES_INACCESSIBLE",
                        f"The argument's default is {used}, which is @inaccessible.",
                        f"Choose another default, or show {used}.",
                        place,
                    )
                elif argument.named in hidden and not argument.has("inaccessible"):
                    yield _problem(
                        "REFERENCED_INACCESSIBLE",
                        f"The argument is visible, but its type {argument.named} is @inaccessible.",
                        f"Hide the argument too, or show {argument.named}.",
                        place,
                    )
    for _, side in sides:
        for value in side.values.values():
            parts[value.name] = parts.get(value.name, False) or value.has("inaccessible")
        for given in side.inputs.values():
            parts[given.name] = parts.get(given.name, False) or given.has("inaccessible")
            if given.has("inaccessible") and given.required:
                yield _problem(
                    "REQUIRED_INACCESSIBLE",
                    "The input field is required and @inaccessible, so nobody could send the input.",
                    "Give it a default or make it optional.",
                    f"{name}.{given.name}",
                )
        for member in side.members:
            parts[member] = member in hidden
    if parts and all(parts.values()):
        yield _problem(
            "ONLY_INACCESSIBLE_CHILDREN",
            "The type is visible, but everything in it is @inaccessible.",
            "Hide the type too, or show a part of it.",
            name,
        )


def _hidden_default(across: Across, argument: Input) -> str | None:
    """Return the hidden enum value that a default uses, if there is one."""
    if argument.default is None:
        return None
    hidden = {
        value.name
        for _, side in across.sides.get(argument.named, ())
        for value in side.values.values()
        if value.has("inaccessible")
    }
    return next((word for word in re.findall(r"\w+", argument.default) if word in hidden), None)


def _promised(across: Across, name: str, field: str, hidden: set[str]) -> Iterator[Problem]:
    """A hidden field must not be what a visible interface promises."""
    interfaces = {interface for _, side in across.sides[name] for interface in side.interfaces}
    for interface in sorted(interfaces - hidden):
        owners = across.fields(interface).get(field, []) if interface in across.sides else []
        if owners and not any(item.has("inaccessible") for _, item in owners):
            yield _problem(
                "IMPLEMENTED_BY_INACCESSIBLE",
                f"The field is @inaccessible, but the visible interface {interface} promises it.",
                f"Hide {interface}.{field} too.",
                f"{name}.{field}",
            )


def _problem(code: str, message: str, mend: str, coordinate: str) -> Problem:
    return Problem(code, message, mend, (), coordinate)
