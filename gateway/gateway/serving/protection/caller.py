"""The caller of a request: what its verified token says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.supergraph.rights import Right


@dataclass(frozen=True, slots=True)
class Caller:
    """The user or program that sent a request; anonymous without a token."""

    subject: str | None = None
    claims: Mapping[str, Any] = field(default_factory=dict)
    scopes: frozenset[str] = frozenset()
    policies: frozenset[str] = frozenset()
    expires: float = 0.0
    decided: bool = False
    """A policy decider was asked, so policies may hold for anonymous callers too."""

    def holds(self, right: Right) -> bool:
        """Tell whether the caller meets a demand of the schema."""
        if right.kind == "policy" and self.decided:
            return any(way and way <= self.policies for way in right.ways)
        if self.subject is None:
            return False
        if right.kind == "authenticated":
            return True
        held = self.scopes if right.kind == "requiresScopes" else self.policies
        return any(way <= held for way in right.ways)


ANONYMOUS = Caller()
