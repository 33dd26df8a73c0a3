"""What a client asks about the schema is answered here, from the schema that clients see."""

from collections.abc import Mapping
from typing import Any

from graphql import GraphQLSchema, execute_sync, parse

from gateway.execution.faults import Faults
from gateway.plan import Plan


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
