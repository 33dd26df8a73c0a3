"""Answers introspection from the schema that clients see."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graphql import GraphQLSchema, execute_sync, parse

from gateway.execution.faults import Faults
from gateway.plan import NestedIntrospection, Plan


def introspect(
    plan: Plan, schema: GraphQLSchema, variables: Mapping[str, Any], faults: Faults
) -> dict[str, Any]:
    """Run the plan's introspection document on the schema; no subgraph is involved."""
    assert plan.introspection is not None
    values = {name: variables[name] for name in plan.introspection_variables if name in variables}
    result = execute_sync(schema, parse(plan.introspection), variable_values=values)
    for error in result.errors or ():
        faults.relay("gateway", {"message": error.message}, tuple(error.path or ()))
    return result.data or {}


def introspect_below(
    asides: Sequence[NestedIntrospection],
    schema: GraphQLSchema,
    variables: Mapping[str, Any],
    tree: dict[str, Any],
) -> None:
    """Put the results of introspection below the root into the tree."""
    for aside in asides:
        values = {name: variables[name] for name in aside.variables if name in variables}
        result = execute_sync(schema, parse(aside.document), variable_values=values)
        answer = (result.data or {}).get("answer")
        for target in _objects(tree, aside.path):
            target[aside.source] = answer


def _objects(value: Any, path: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for item in value:
            yield from _objects(item, path)
    elif isinstance(value, dict):
        if not path:
            yield value
        elif path[0] in value:
            yield from _objects(value[path[0]], path[1:])
