"""Checks the client's variables against their types and fills in defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphql import GraphQLSchema, get_variable_values, value_from_ast_untyped

from gateway.errors import BadVariables
from gateway.operation import Operation

Coerce = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def variables_of(operation: Operation, schema: GraphQLSchema, *, quiet: bool = False) -> Coerce:
    """Compile the operation's variable declarations; the result raises BadVariables.

    Values are sent on as the client wrote them: a subgraph knows its own scalars best.
    `quiet` leaves suggestions out of the messages.
    """
    declared = operation.node.variable_definitions or ()
    defaults = {
        item.variable.name.value: value_from_ast_untyped(item.default_value)
        for item in declared
        if item.default_value is not None
    }
    names = frozenset(item.variable.name.value for item in declared)

    def coerce(variables: Mapping[str, Any]) -> Mapping[str, Any]:
        if not names:
            return {}
        values = {name: value for name, value in variables.items() if name in names}
        checked = get_variable_values(
            schema, declared, values, max_errors=20, hide_suggestions=quiet
        )
        if isinstance(checked, list):
            raise BadVariables(
                "; ".join(error.message for error in checked),
                "变量无效：" + "；".join(error.message for error in checked),
            )
        return {**defaults, **values}

    return coerce
