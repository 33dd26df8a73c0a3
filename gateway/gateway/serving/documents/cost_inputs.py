"""The cost of arguments: their own weights, and the list sizes that they choose.

As Apollo counts: an input object costs 1 and what is in it, everything else nothing, `@cost` takes
precedence; of a list the weight counts once for the list and once for each entry.
"""

from collections.abc import Callable, Mapping
from typing import Any

from graphql import (
    FieldNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    OperationDefinitionNode,
    Undefined,
    get_named_type,
    parse,
    value_from_ast_untyped,
)

from gateway.errors import BadOperation
from gateway.operation import Field
from gateway.serving.documents.cost_terms import Cost
from gateway.supergraph.costs import ListSize

Values = Mapping[str, Any]
Weights = Mapping[str, int]
NO_VALUES: Values = {}


class ArgumentCosts:
    """The arguments of one selected field."""

    def __init__(self, place: str, definition: GraphQLField, item: Field) -> None:
        self.place = place
        self.definition = definition
        self.item = item

    def weight(self, weights: Weights) -> Cost:
        """Return the cost of the arguments."""
        if not self.item.arguments:
            return 0
        return self._evaluate(lambda values: self._score_all(values, weights))

    def size(self, rule: ListSize, otherwise: int) -> Cost | None:
        """Return the size of the list; None when neither arguments nor the rule tell."""
        if not rule.slicing:
            return rule.assumed
        if rule.assumed is None and not self.item.variables:
            values = self._values({}) if self.item.arguments else NO_VALUES
            return self._sliced(values, rule)
        fallback = rule.assumed if rule.assumed is not None else otherwise
        return self._evaluate(lambda values: _first(self._sliced(values, rule), fallback))

    # ---------------------------------------------------------------------------------- values

    def _evaluate(self, count: Callable[[Values], int]) -> Cost:
        """Count now if no variable is involved, otherwise when the variables are there."""
        if not self.item.arguments:
            return count(NO_VALUES)
        if not self.item.variables:
            return count(self._values({}))
        nodes = self._nodes()
        return lambda variables: count(
            {name: value_from_ast_untyped(node, dict(variables)) for name, node in nodes.items()}
        )

    def _values(self, variables: dict[str, Any]) -> Values:
        return {
            name: value_from_ast_untyped(node, variables) for name, node in self._nodes().items()
        }

    def _nodes(self) -> Mapping[str, Any]:
        (operation,) = parse(f"{{f{self.item.arguments}}}", no_location=True).definitions
        assert isinstance(operation, OperationDefinitionNode)
        (node,) = operation.selection_set.selections
        assert isinstance(node, FieldNode)
        return {argument.name.value: argument.value for argument in node.arguments or ()}

    # ----------------------------------------------------------------------------------- costs

    def _score_all(self, values: Values, weights: Weights) -> int:
        arguments = self.definition.args
        return sum(
            _score(value, arguments[name].type, f"{self.place}({name}:)", weights)
            for name, value in values.items()
            if name in arguments
        )

    # ----------------------------------------------------------------------------------- sizes

    def _sliced(self, values: Values, rule: ListSize) -> int | None:
        sizes = [
            max(size, 0) for path in rule.slicing if type(size := self._at(path, values)) is int
        ]
        if rule.require_one and len(sizes) != 1:
            names = ", ".join(rule.slicing)
            raise BadOperation(
                f"{self.place} needs exactly one of {names} to be a number, and has {len(sizes)}.",
                f"{self.place} 需要且只能在 {names} 中给出一个数值，现有 {len(sizes)} 个。",
                coordinate=self.place,
            )
        return max(sizes, default=None)

    def _at(self, path: str, values: Values) -> Any:
        """Return the value of `argument` or `argument.field.field`, with defaults."""
        first, *steps = path.split(".")
        argument = self.definition.args.get(first)
        if argument is None:
            return Undefined
        value = values.get(first, Undefined)
        if value is Undefined:
            value = _default(argument)
        kind: Any = argument.type
        for step in steps:
            kind = get_named_type(kind)
            if not isinstance(kind, GraphQLInputObjectType) or step not in kind.fields:
                return Undefined
            value = value.get(step, Undefined) if isinstance(value, dict) else Undefined
            if value is Undefined:
                value = _default(kind.fields[step])
            kind = kind.fields[step].type
        return value


def _score(value: Any, kind: GraphQLInputType, place: str, weights: Weights) -> int:
    if value is None or value is Undefined:
        return 0
    named = get_named_type(kind)
    weight = weights.get(place, weights.get(named.name))
    if isinstance(kind, GraphQLNonNull):
        return _score(value, kind.of_type, place, weights)
    if isinstance(kind, GraphQLList):
        entries = value if isinstance(value, list) else [value]
        own = (weight or 0) if isinstance(value, list) else 0
        return own + sum(_score(entry, kind.of_type, place, weights) for entry in entries)
    if isinstance(kind, GraphQLInputObjectType) and isinstance(value, dict):
        inside = (
            _score(inner, kind.fields[name].type, f"{kind.name}.{name}", weights)
            for name, inner in value.items()
            if name in kind.fields
        )
        return (1 if weight is None else weight) + sum(inside)
    return weight or 0


def _default(definition: GraphQLArgument | GraphQLInputField) -> Any:
    default = definition.default
    if default is None:
        return Undefined
    return value_from_ast_untyped(default.literal) if default.literal else default.value


def _first(size: int | None, fallback: int) -> int:
    return fallback if size is None else size
