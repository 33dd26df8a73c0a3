"""What fields cost and how long lists get: `@cost` and `@listSize` of a supergraph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from graphql import (
    ConstDirectiveNode,
    FieldDefinitionNode,
    TypeDefinitionNode,
    parse,
    value_from_ast_untyped,
)

from gateway.supergraph.specs import Spec, specs_of
from gateway.supergraph.views import Supergraph


@dataclass(frozen=True, slots=True)
class ListSize:
    """How long a list gets."""

    assumed: int | None = None
    slicing: tuple[str, ...] = ()
    """Arguments that say so; `input.page.first` is a field of one."""
    sized: tuple[str, ...] = ()
    """Lists below that this is about, instead of the field itself; `page.items` is two levels down."""
    require_one: bool = True
    """Exactly one of the slicing arguments must be a number."""


@dataclass(frozen=True, slots=True)
class Costs:
    """By coordinate: `Type`, `Type.field` or `Type.field(argument:)`."""

    weights: Mapping[str, int] = field(default_factory=dict)
    sizes: Mapping[str, ListSize] = field(default_factory=dict)


def costs_of(supergraph: Supergraph) -> Costs:
    """Read the costs of a supergraph; empty when nothing is said about them."""
    document = parse(supergraph.sdl, no_location=True)
    spec = specs_of(document).get("cost")
    if spec is None:
        return Costs()
    weights: dict[str, int] = {}
    sizes: dict[str, ListSize] = {}
    for node in document.definitions:
        if not isinstance(node, TypeDefinitionNode):
            continue
        name = node.name.value
        _weigh(weights, name, node.directives, spec)
        for item in getattr(node, "fields", None) or ():
            place = f"{name}.{item.name.value}"
            _weigh(weights, place, item.directives, spec)
            if not isinstance(item, FieldDefinitionNode):
                continue
            for argument in item.arguments or ():
                _weigh(weights, f"{place}({argument.name.value}:)", argument.directives, spec)
            found = _arguments(item.directives, spec.directive("listSize"))
            if found is not None:
                sizes[place] = _size(found)
    return Costs(weights, sizes)


def _weigh(
    weights: dict[str, int],
    place: str,
    directives: tuple[ConstDirectiveNode, ...] | None,
    spec: Spec,
) -> None:
    found = _arguments(directives, spec.directive("cost"))
    if found is not None:
        weights[place] = int(str(found["weight"]))


def _size(found: Mapping[str, object]) -> ListSize:
    assumed = found.get("assumedSize")
    return ListSize(
        assumed if isinstance(assumed, int) else None,
        _names(found.get("slicingArguments")),
        _names(found.get("sizedFields")),
        found.get("requireOneSlicingArgument") is not False,
    )


def _names(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list) else ()


def _arguments(
    directives: tuple[ConstDirectiveNode, ...] | None, name: str
) -> Mapping[str, object] | None:
    for directive in directives or ():
        if directive.name.value == name:
            return {
                item.name.value: value_from_ast_untyped(item.value)
                for item in directive.arguments or ()
            }
    return None
