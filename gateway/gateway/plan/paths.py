"""Where in the merged tree something is, and when it is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OperationKind = Literal["query", "mutation", "subscription"]

# When something is wanted: any of the inner tuples holds, each being tests (variable, wanted value)
# that must all hold. The empty guard is "always". An absent variable counts as false.
Guard = tuple[tuple[tuple[str, bool], ...], ...]
ALWAYS: Guard = ()


@dataclass(frozen=True, slots=True)
class Key:
    """Walk into the value under this key of the merged tree (a response key or one of ours)."""

    name: str


@dataclass(frozen=True, slots=True)
class Each:
    """Walk into every item of the list (lists of lists: one Each per level)."""


@dataclass(frozen=True, slots=True)
class Only:
    """Go on only with objects whose `__typename` is one of these."""

    types: frozenset[str]


Step = Key | Each | Only
Path = tuple[Step, ...]
