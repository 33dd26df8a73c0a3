"""The plans of an operation with `@defer`, one for each combination of its `if` variables."""

from collections.abc import Mapping
from typing import Any

from graphql import DirectiveNode, VariableNode
from graphql.language import Visitor, visit

from gateway.execution.deferral import DeferredExecutable
from gateway.operation import Operation, select_operation
from gateway.planning import plan
from gateway.supergraph import Supergraph

MOST_PLANS = 16
"""For further combinations nothing is deferred, as a server may do."""


class DeferredPlans:
    """Plans in parts, made when they are first needed."""

    def __init__(
        self, supergraph: Supergraph, operation: Operation, labels: frozenset[str] = frozenset()
    ) -> None:
        self.labels = labels
        self.supergraph = supergraph
        self.operation = operation
        finder = _Conditions()
        visit(operation.document, finder)
        self.conditions = frozenset(finder.names & set(operation.variables))
        self.plans: dict[frozenset[str], DeferredExecutable | None] = {}

    def for_variables(self, variables: Mapping[str, Any]) -> DeferredExecutable | None:
        """Return the plan for these variables; None when they defer nothing."""
        true = frozenset(name for name in self.conditions if variables.get(name))
        if true not in self.plans:
            if len(self.plans) >= MOST_PLANS:
                return None
            self.plans[true] = self._plan(true)
        return self.plans[true]

    def _plan(self, true: frozenset[str]) -> DeferredExecutable | None:
        operation = select_operation(self.operation.document, self.operation.name, deferring=true)
        parts = plan(self.supergraph, operation, labels=self.labels)
        # Introspection below the root is not deferred.
        if parts.pieces is None or parts.nested_introspection:
            return None
        return DeferredExecutable(parts, self.supergraph.schema)


class _Conditions(Visitor):
    """Collects the variables in `@defer(if: $…)`."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_directive(self, node: DirectiveNode, *_: object) -> None:
        if node.name.value == "defer":
            for item in node.arguments or ():
                if item.name.value == "if" and isinstance(item.value, VariableNode):
                    self.names.add(item.value.name.value)
