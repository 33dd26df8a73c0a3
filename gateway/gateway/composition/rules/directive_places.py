"""Federation's directives stand on the kinds of elements that their definitions name."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.across import Across
from gateway.composition.parts import Mark, Type
from gateway.errors import Problem

_RIGHTS = frozenset({"FIELD", "OBJECT", "INTERFACE", "SCALAR", "ENUM"})
_PLACES = {
    "key": {"OBJECT", "INTERFACE"},
    "extends": {"OBJECT", "INTERFACE"},
    "external": {"OBJECT", "FIELD"},
    "shareable": {"OBJECT", "FIELD"},
    "requires": {"FIELD"},
    "provides": {"FIELD"},
    "override": {"FIELD"},
    "listSize": {"FIELD"},
    "interfaceObject": {"OBJECT"},
    "context": {"OBJECT", "INTERFACE", "UNION"},
    "fromContext": {"ARGUMENT"},
    "authenticated": _RIGHTS,
    "requiresScopes": _RIGHTS,
    "policy": _RIGHTS,
    "cost": {"ARGUMENT", "INPUT_FIELD", "FIELD", "OBJECT", "ENUM", "SCALAR"},
}


def check(across: Across) -> Iterator[Problem]:
    """Yield a problem for every directive on an element that it says nothing about."""
    for graph in across.graphs:
        for kind in graph.types.values():
            for coordinate, place, mark in _used(kind):
                allowed = _PLACES.get(mark.name)
                if allowed is not None and place not in allowed:
                    named = " or ".join(sorted(item.lower().replace("_", " ") for item in allowed))
                    yield Problem(
                        "INVALID_GRAPHQL",
                        f"@{mark.name} cannot stand on this {place.lower().replace('_', ' ')}.",
                        f"Remove it here; it belongs on: {named}.",
                        (graph.name,),
                        coordinate,
                    )


def _used(kind: Type) -> Iterator[tuple[str, str, Mark]]:
    for mark in kind.marks:
        yield kind.name, kind.kind, mark
    for item in kind.inputs.values():
        for mark in item.marks:
            yield f"{kind.name}.{item.name}", "INPUT_FIELD", mark
    for value in kind.values.values():
        for mark in value.marks:
            yield f"{kind.name}.{value.name}", "ENUM_VALUE", mark
    for field in kind.fields.values():
        coordinate = f"{kind.name}.{field.name}"
        for mark in field.marks:
            yield coordinate, "FIELD", mark
        for argument in (*field.arguments.values(), *field.contextual.values()):
            for mark in argument.marks:
                yield f"{coordinate}({argument.name}:)", "ARGUMENT", mark
