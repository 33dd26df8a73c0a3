"""Plans one operation for callers who may not see all of it, once for each set of rights."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.errors import NullNotAllowed, Unauthorized
from gateway.execution.completion import holds
from gateway.operation import Operation
from gateway.plan import Plan
from gateway.planning import plan as make_plan
from gateway.planning.rights import EACH, Hidden, RightsFilter
from gateway.result import Fault, Response
from gateway.serving.protection.caller import Caller
from gateway.supergraph import Supergraph
from gateway.supergraph.rights import Right

MOST_RESTRICTED_PLANS = 64


@dataclass(slots=True)
class FieldAccess:
    """The rights that one operation demands, and its plans for callers who do not hold them all."""

    supergraph: Supergraph
    curtain: RightsFilter
    operation: Operation
    demanded: tuple[Right, ...]
    refuse: bool
    """Refuse the whole operation instead of leaving fields out."""
    labels: frozenset[str] = frozenset()
    """The labels of progressive overrides that are on."""
    restricted: dict[tuple[bool, ...], "RestrictedPlan"] = field(default_factory=dict)
    """By which of the demanded rights are held."""

    def policies(self) -> frozenset[str]:
        """Return every policy that the demanded rights name."""
        return frozenset(
            name
            for right in self.demanded
            if right.kind == "policy"
            for way in right.ways
            for name in way
        )

    def restrict(self, caller: Caller, compile: Callable[[Plan], Any]) -> "RestrictedPlan | None":
        """Return the plan of what this caller may see; None when that is the whole operation.

        Raises Unauthorized where the settings refuse instead of filter.
        """
        held = tuple(caller.holds(right) for right in self.demanded)
        if all(held):
            return None
        restricted = self.restricted.get(held)
        if restricted is None:
            if len(self.restricted) >= MOST_RESTRICTED_PLANS:
                self.restricted.clear()
            restricted = self._plan(dict(zip(self.demanded, held, strict=True)), compile)
            self.restricted[held] = restricted
        return restricted

    def _plan(self, held: Mapping[Right, bool], compile: Callable[[Plan], Any]) -> "RestrictedPlan":
        visible, hidden = self.curtain.hide(self.operation, held.__getitem__)
        at_root = any(len(place.path) == 1 for place in hidden)
        if self.refuse or (self.operation.kind == "subscription" and at_root):
            raise _unauthorized(hidden)
        plan = self.curtain.show_as_null(make_plan(self.supergraph, visible, labels=self.labels))
        return RestrictedPlan(plan, compile(plan), tuple(hidden))


@dataclass(frozen=True, slots=True)
class RestrictedPlan:
    """The plan of an operation without the fields that a caller may not see."""

    plan: Plan
    executable: Any
    hidden: tuple[Hidden, ...]

    def report(self, response: Response, variables: Mapping[str, Any], locale: str) -> Response:
        """Return the response with an error for each field that was left out.

        These replace the errors about nulls that leaving them out caused.
        """
        left_out = [
            place for place in self.hidden if all(holds(guard, variables) for guard in place.guards)
        ]
        places = {place.path for place in left_out}
        others = tuple(
            fault
            for fault in response.faults
            if fault.code != NullNotAllowed.code or _without_indexes(fault) not in places
        )
        faults = tuple(_fault(place, locale) for place in left_out)
        return replace(response, faults=(*faults, *others))


def _without_indexes(fault: Fault) -> tuple[str, ...]:
    return tuple(EACH if isinstance(step, int) else step for step in fault.path or ())


def _fault(place: Hidden, locale: str) -> Fault:
    error = _unauthorized([place])
    return Fault(error.message(locale), place.path, error.code, extensions=error.extra)


def _unauthorized(hidden: list[Hidden]) -> Unauthorized:
    names = ", ".join(dict.fromkeys(place.coordinate for place in hidden))
    return Unauthorized(f"You may not see {names}.", f"您无权查看 {names}。", coordinate=names)
