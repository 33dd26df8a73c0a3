"""Federation's directives are used at the locations that their definitions allow."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.composition.subgraph_schema import Directive, Type
from gateway.composition.subgraph_set import SubgraphSet
from gateway.errors import Problem

_RIGHTS = frozenset({"FIELD", "OBJECT", "INTERFACE", "SCALAR", "ENUM"})
_LOCATIONS = {
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


def check(subgraphs: SubgraphSet) -> Iterator[Problem]:
    """Yield a problem for every directive at a location that its definition does not allow."""
    for graph in subgraphs.graphs:
        for definition in graph.types.values():
            for coordinate, location, directive in _used(definition):
                allowed = _LOCATIONS.get(directive.name)
                if allowed is not None and location not in allowed:
                    named = " or ".join(sorted(_words(item) for item in allowed))
                    yield Problem(
                        "INVALID_GRAPHQL",
                        f"@{directive.name} cannot be used on this {_words(location)}.",
                        f"Remove it here; it can be used on: {named}.",
                        (graph.name,),
                        coordinate,
                    )


def _words(location: str) -> str:
    return location.lower().replace("_", " ")


def _used(definition: Type) -> Iterator[tuple[str, str, Directive]]:
    """Yield coordinate, location and directive of every use inside a type."""
    for directive in definition.directives:
        yield definition.name, definition.kind, directive
    for item in definition.inputs.values():
        for directive in item.directives:
            yield f"{definition.name}.{item.name}", "INPUT_FIELD", directive
    for value in definition.values.values():
        for directive in value.directives:
            yield f"{definition.name}.{value.name}", "ENUM_VALUE", directive
    for field in definition.fields.values():
        coordinate = f"{definition.name}.{field.name}"
        for directive in field.directives:
            yield coordinate, "FIELD", directive
        for argument in (*field.arguments.values(), *field.contextual.values()):
            for directive in argument.directives:
                yield f"{coordinate}({argument.name}:)", "ARGUMENT", directive
