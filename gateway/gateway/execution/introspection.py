"""What a client asks about the schema is answered here, from the schema that clients see."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graphql import GraphQLSchema, execute_sync, parse

from gateway.execution.faults import Faults
from gateway.plan import Aside, Plan


def introspect(
    plan: Plan, schema: GraphQLSchema, variables: Mapping[str, Any], faults: Faults
) -> dict[str, Any]:
    """Run the plan's introspection document on the schema; no subgraph hears of it."""
    assert plan.introspection is not None
    wanted = {name: variables[name] for name in plan.introspection_variables if name in variables}
    result = execute_sync(schema, parse(plan.introspection), variable_values=wanted)
    for error in result.errors or ():
        faults.relay("gateway", {"message": error.message}, tuple(error.path or ()))
    return result.data or {}


def introspect_below(
    asides: Sequence[Aside],
    schema: GraphQLSchema,
    variables: Mapping[str, Any],
    tree: dict[str, Any],
) -> None:
    """Put the answers to questions below the root where they belong in the tree."""
    for aside in asides:
        wanted = {name: variables[name] for name in aside.variables if name in variables}
        result = execute_sync(schema, parse(aside.document), variable_values=wanted)
        answer = (result.data or {}).get("answer")
        for found in _objects(tree, aside.path):
            found[aside.source] = answer


def _objects(value: Any, path: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for item in value:
            yield from _objects(item, path)
    elif isinstance(value, dict):
        if not path:
            yield value
        elif path[0] in value:
            yield from _objects(value[path[0]], path[1:])
