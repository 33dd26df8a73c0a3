"""The plans of an operation that defers: one for each way in which the variables of `@defer(if: $…)` can fall."""

from collections.abc import Mapping
from typing import Any

from graphql import DirectiveNode, VariableNode
from graphql.language import Visitor, visit

from gateway.execution.deferral import Deferring
from gateway.operation import Operation, choose
from gateway.planning import plan
from gateway.supergraph import Supergraph

MOST_WAYS = 16
"""Beyond this nothing is deferred, as a server may."""


class Deferrals:
    """Plans with pieces, made when they are first wanted."""

    def __init__(
        self, supergraph: Supergraph, operation: Operation, labels: frozenset[str] = frozenset()
    ) -> None:
        self.labels = labels
        self.supergraph = supergraph
        self.operation = operation
        finder = _Conditions()
        visit(operation.document, finder)
        self.conditions = frozenset(finder.found & set(operation.variables))
        self.known: dict[frozenset[str], Deferring | None] = {}

    def given(self, variables: Mapping[str, Any]) -> Deferring | None:
        """The plan for these variables; None when nothing is deferred."""
        true = frozenset(name for name in self.conditions if variables.get(name))
        if true not in self.known:
            if len(self.known) >= MOST_WAYS:
                return None
            self.known[true] = self._plan(true)
        return self.known[true]

    def _plan(self, true: frozenset[str]) -> Deferring | None:
        operation = choose(self.operation.document, self.operation.name, deferring=true)
        found = plan(self.supergraph, operation, labels=self.labels)
        if found.pieces is None or found.asides:  # the schema below the root is told at once
            return None
        return Deferring(found, self.supergraph.schema)


class _Conditions(Visitor):
    """Finds the variables that decide about deferring."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def enter_directive(self, node: DirectiveNode, *_: object) -> None:
        if node.name.value == "defer":
            for item in node.arguments or ():
                if item.name.value == "if" and isinstance(item.value, VariableNode):
                    self.found.add(item.value.name.value)
