"""Paths in the merged tree, and guards: the conditions of parts of a plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OperationKind = Literal["query", "mutation", "subscription"]

# A guard holds when one of its inner tuples holds: when each test (variable, value) in it does.
# The empty guard always holds. An absent variable counts as false.
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
    """Continue only with objects whose `__typename` is one of these."""

    types: frozenset[str]


Step = Key | Each | Only
Path = tuple[Step, ...]
