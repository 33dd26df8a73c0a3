"""The costs of fields and the sizes of lists: `@cost` and `@listSize` of a supergraph."""

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
    """The size of a list, from `@listSize`."""

    assumed: int | None = None
    slicing: tuple[str, ...] = ()
    """Arguments that set the size; `input.page.first` is a field of an argument."""
    sized: tuple[str, ...] = ()
    """Lists below that have this size, instead of the field; `page.items` is two levels down."""
    require_one: bool = True
    """Exactly one of the slicing arguments must be a number."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs and sizes by coordinate: `Type`, `Type.field` or `Type.field(argument:)`."""

    weights: Mapping[str, int] = field(default_factory=dict)
    sizes: Mapping[str, ListSize] = field(default_factory=dict)


def costs_of(supergraph: Supergraph) -> Costs:
    """Return the costs of a supergraph; empty when it does not link the cost specification."""
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
        _add_weight(weights, name, node.directives, spec)
        for item in getattr(node, "fields", None) or ():
            coordinate = f"{name}.{item.name.value}"
            _add_weight(weights, coordinate, item.directives, spec)
            if not isinstance(item, FieldDefinitionNode):
                continue
            for argument in item.arguments or ():
                argument_coordinate = f"{coordinate}({argument.name.value}:)"
                _add_weight(weights, argument_coordinate, argument.directives, spec)
            arguments = _arguments(item.directives, spec.directive("listSize"))
            if arguments is not None:
                sizes[coordinate] = _list_size(arguments)
    return Costs(weights, sizes)


def _add_weight(
    weights: dict[str, int],
    coordinate: str,
    directives: tuple[ConstDirectiveNode, ...] | None,
    spec: Spec,
) -> None:
    arguments = _arguments(directives, spec.directive("cost"))
    if arguments is not None:
        weights[coordinate] = int(str(arguments["weight"]))


def _list_size(arguments: Mapping[str, object]) -> ListSize:
    assumed = arguments.get("assumedSize")
    return ListSize(
        assumed if isinstance(assumed, int) else None,
        _names(arguments.get("slicingArguments")),
        _names(arguments.get("sizedFields")),
        arguments.get("requireOneSlicingArgument") is not False,
    )


def _names(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list) else ()


def _arguments(
    directives: tuple[ConstDirectiveNode, ...] | None, name: str
) -> Mapping[str, object] | None:
    """Return the arguments of the first use of a directive; None if it is not used."""
    for directive in directives or ():
        if directive.name.value == name:
            return {
                item.name.value: value_from_ast_untyped(item.value)
                for item in directive.arguments or ()
            }
    return None
