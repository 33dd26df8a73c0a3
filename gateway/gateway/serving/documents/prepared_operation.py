"""One operation of one document, planned and compiled, ready to run for any number of requests."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from gateway.execution.executable import Executable
from gateway.execution.variables import Coerce
from gateway.plan import Plan, print_plan
from gateway.serving.documents.cost import Cost, check_cost, cost_of
from gateway.serving.documents.deferred_plans import DeferredPlans
from gateway.serving.documents.field_access import FieldAccess, RestrictedPlan
from gateway.serving.protection.caller import Caller


@dataclass(frozen=True, slots=True)
class PreparedOperation:
    """One operation with everything done that does not depend on the request."""

    kind: str
    name: str | None
    hash: str
    coerce: Coerce
    plan: Plan
    executable: Executable
    deferred: DeferredPlans | None = None
    """Where the client defers something."""
    access: FieldAccess | None = None
    """Where the schema demands rights for something that is selected."""
    restricted: RestrictedPlan | None = None
    """Where fields are left out because the caller may not see them."""
    cost: Cost | None = None

    @property
    def policies(self) -> frozenset[str]:
        """The policies that the schema demands for what is selected."""
        return self.access.policies() if self.access is not None else frozenset()

    def restrict(self, caller: Caller) -> "PreparedOperation":
        """Return the operation without what the caller may not see; raises Unauthorized."""
        if self.access is None:
            return self
        schema = self.access.supergraph.schema
        restricted = self.access.restrict(caller, lambda plan: Executable(plan, schema))
        if restricted is None:
            return self
        # Deferred parts were planned for the whole operation; this answer comes at once.
        return replace(
            self,
            plan=restricted.plan,
            executable=restricted.executable,
            restricted=restricted,
            deferred=None,
        )

    def estimate_cost(self, limit: int | None, variables: Mapping[str, Any]) -> int | None:
        """Return the cost with these variables, None without a limit; raises TooCostly above it."""
        if self.cost is None or limit is None:
            return None
        cost = cost_of(self.cost, variables)
        check_cost(cost, limit)
        return cost

    def print_plan(self) -> str:
        """Return the plan as text for human readers."""
        return print_plan(self.plan)
