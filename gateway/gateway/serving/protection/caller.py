"""Who asks: what a verified token says, and the address and the program that the request came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.supergraph.rights import Right


@dataclass(frozen=True, slots=True)
class Caller:
    """The one who sent a request; nobody in particular without a token."""

    subject: str | None = None
    claims: Mapping[str, Any] = field(default_factory=dict)
    scopes: frozenset[str] = frozenset()
    policies: frozenset[str] = frozenset()
    expires: float = 0.0
    decided: bool = False
    """Somebody was asked about the policies, so they may hold for nobody in particular too."""

    def holds(self, right: Right) -> bool:
        """Whether a demand of the schema is met."""
        if right.kind == "policy" and self.decided:
            return any(way and way <= self.policies for way in right.ways)
        if self.subject is None:
            return False
        if right.kind == "authenticated":
            return True
        held = self.scopes if right.kind == "requiresScopes" else self.policies
        return any(way <= held for way in right.ways)


NOBODY = Caller()
