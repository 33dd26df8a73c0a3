"""Executes a plan: follow its nodes, then complete the client's response from the tree."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from graphql import GraphQLSchema

from gateway.execution.completion import ClientPaths, Completion, holds
from gateway.execution.faults import Faults
from gateway.execution.fetch import CompiledFetch, Run
from gateway.execution.introspection import introspect, introspect_below
from gateway.execution.transport import Send
from gateway.plan import Condition, Fetch, Node, Parallel, Plan, Sequence, Subscribe
from gateway.result import Response

Step = Callable[[Run], Awaitable[None]]

RUNS_BEFORE_COMPILING = 3
"""Python is generated for a plan at this run: it costs as much as some ten runs, and most documents
that come three times come again."""


async def execute(
    plan: Plan, variables: Mapping[str, Any], send: Send, schema: GraphQLSchema, locale: str = "en"
) -> Response:
    """Execute a plan once; use an Executable to execute it often."""
    return await Executable(plan, schema).run(variables, send, locale)


class Executable:
    """A plan compiled for execution, good for any number of requests at once."""

    def __init__(self, plan: Plan, schema: GraphQLSchema) -> None:
        self.plan = plan
        self.schema = schema
        self._runs = 0
        self._step = _compile(plan.root) if plan.root is not None else None
        self._completion = Completion(plan.shape)
        self._paths = ClientPaths(plan.shape)
        self._schema_answer: dict[str, Any] | None = None

    async def run(self, variables: Mapping[str, Any], send: Send, locale: str = "en") -> Response:
        """Fetch everything, then complete the response; faults are part of it, nothing is raised.

        `variables` are JSON as the client sent it, already checked and with defaults filled in.
        """
        self._runs += 1
        if self._runs == RUNS_BEFORE_COMPILING:
            self._generate()
        faults = Faults(locale)
        run = Run({}, variables, send, faults, self._paths)
        if self._step is not None:
            await self._step(run)
        if self.plan.introspection is not None:
            run.tree |= self._introspect(variables, faults)
        if self.plan.nested_introspection:
            introspect_below(self.plan.nested_introspection, self.schema, variables, run.tree)
        data = self._completion.complete(run.tree, faults, variables)
        return Response(data, tuple(faults.entries))

    def _generate(self) -> None:
        """Generate Python for a plan that is executed often."""
        if self.plan.root is not None:
            self._step = _compile(self.plan.root, generated=True)
        # Only this run uses the tree that a lone fetch made, so its objects may be the response's.
        self._completion.compile(alone=isinstance(self.plan.root, Fetch))

    def _introspect(self, variables: Mapping[str, Any], faults: Faults) -> dict[str, Any]:
        """Return the introspection result; without variables it never changes."""
        if self.plan.introspection_variables:
            return introspect(self.plan, self.schema, variables, faults)
        if self._schema_answer is None:
            self._schema_answer = introspect(self.plan, self.schema, variables, faults)
        return self._schema_answer


def _compile(node: Node, *, generated: bool = False) -> Step:
    match node:
        case Fetch():
            return CompiledFetch(node, generated=generated).run
        case Sequence(nodes):
            return _in_order([_compile(child, generated=generated) for child in nodes])
        case Parallel(nodes):
            return _at_once([_compile(child, generated=generated) for child in nodes])
        case Condition(guard, inner):
            step = _compile(inner, generated=generated)

            async def when_it_holds(run: Run) -> None:
                if holds(guard, run.variables):
                    await step(run)

            return when_it_holds
        case Subscribe(source, then):
            # The subscription answers the fetch of its source with the event at hand.
            return _in_order([_compile(child) for child in (source, then) if child is not None])


def _in_order(steps: list[Step]) -> Step:
    async def in_order(run: Run) -> None:
        for step in steps:
            await step(run)

    return in_order


def _at_once(steps: list[Step]) -> Step:
    async def at_once(run: Run) -> None:
        await asyncio.gather(*(step(run) for step in steps))

    return at_once
