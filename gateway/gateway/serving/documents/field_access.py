"""What one operation looks like to callers who may not see all of it: planned once for each set of rights they hold."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.errors import NullNotAllowed, Unauthorized
from gateway.execution.completion import holds
from gateway.operation import Operation
from gateway.plan import Plan
from gateway.planning import plan as make_plan
from gateway.planning.rights import EACH, Curtain, Hidden
from gateway.result import Fault, Response
from gateway.serving.protection.caller import Caller
from gateway.supergraph import Supergraph
from gateway.supergraph.rights import Right

MOST_VARIANTS = 64


@dataclass(slots=True)
class Access:
    """The demands of one operation, and its plans for those who do not meet them all."""

    supergraph: Supergraph
    curtain: Curtain
    operation: Operation
    demanded: tuple[Right, ...]
    refuse: bool
    """Refuse the whole operation instead of leaving fields out."""
    labels: frozenset[str] = frozenset()
    """Of progressive overrides: those that are on."""
    variants: dict[tuple[bool, ...], "Variant"] = field(default_factory=dict)

    def policies(self) -> frozenset[str]:
        """Every policy that the operation's demands name."""
        return frozenset(
            name
            for right in self.demanded
            if right.kind == "policy"
            for way in right.ways
            for name in way
        )

    def variant(self, caller: Caller, make: Callable[[Plan], Any]) -> "Variant | None":
        """What this caller gets instead of the whole operation; None when everything may be seen."""
        held = tuple(caller.holds(right) for right in self.demanded)
        if all(held):
            return None
        known = self.variants.get(held)
        if known is None:
            if len(self.variants) >= MOST_VARIANTS:
                self.variants.clear()
            known = self.variants[held] = self._made(
                dict(zip(self.demanded, held, strict=True)), make
            )
        return known

    def _made(self, held: Mapping[Right, bool], make: Callable[[Plan], Any]) -> "Variant":
        seen, hidden = self.curtain.hide(self.operation, held.__getitem__)
        at_root = any(len(place.path) == 1 for place in hidden)
        if self.refuse or (self.operation.kind == "subscription" and at_root):
            raise _unauthorized(hidden)
        plan = self.curtain.show_as_null(make_plan(self.supergraph, seen, labels=self.labels))
        return Variant(plan, make(plan), tuple(hidden))


@dataclass(frozen=True, slots=True)
class Variant:
    """An operation with holes in it."""

    plan: Plan
    executable: Any
    hidden: tuple[Hidden, ...]

    def report(self, response: Response, variables: Mapping[str, Any], locale: str) -> Response:
        """Say what was left out, instead of what that did to fields that may not be null."""
        missed = [
            place for place in self.hidden if all(holds(guard, variables) for guard in place.guards)
        ]
        places = {place.path for place in missed}
        kept = tuple(
            fault
            for fault in response.faults
            if fault.code != NullNotAllowed.code or _without_indexes(fault) not in places
        )
        faults = tuple(_fault(place, locale) for place in missed)
        return replace(response, faults=(*faults, *kept))


def _without_indexes(fault: Fault) -> tuple[str, ...]:
    return tuple(EACH if isinstance(step, int) else step for step in fault.path or ())


def _fault(place: Hidden, locale: str) -> Fault:
    error = _unauthorized([place])
    return Fault(error.message(locale), place.path, error.code, extensions=error.extra)


def _unauthorized(hidden: list[Hidden]) -> Unauthorized:
    names = ", ".join(dict.fromkeys(place.coordinate for place in hidden))
    return Unauthorized(f"You may not see {names}.", f"您无权查看 {names}。", coordinate=names)
