"""Flattens selections for one type: fragments resolved, equal response keys merged."""

from __future__ import annotations

from dataclasses import replace

from gateway.operation import Field, Fragment, Guard, Selection
from gateway.planning.budget import Budget
from gateway.planning.guards import both, either
from gateway.planning.moves import Moves, Selections

_FLATTEN = 10  # what flattening one selection set costs, in steps of the budget


class Selecting:
    """Answers "which fields does this selection mean for that type", remembering every answer.

    Selections are compared by identity: equal questions get the very same tuple back, so callers
    may use `id()` of what they got as a key for as long as this object lives.
    """

    def __init__(self, moves: Moves, budget: Budget) -> None:
        self.moves = moves
        self.budget = budget
        self._flat: dict[tuple[str, int], dict[str, Field]] = {}
        self._merged: dict[tuple[int, ...], Selections] = {}
        self._singles: dict[int, Selections] = {}
        self._kept: list[object] = []  # holds what `id` was taken of

    def fields(self, type_name: str, selections: Selections) -> dict[str, Field]:
        """Return the fields that an object of this type owes, by response key."""
        key = (type_name, id(selections))
        known = self._flat.get(key)
        if known is None:
            found: dict[str, list[Field]] = {}
            self.budget.expand(_FLATTEN)
            self._collect(type_name, self.moves.possible(type_name), selections, (), found)
            known = {name: self._merge(items) for name, items in found.items()}
            self._flat[key] = known
            self._kept.append(selections)
        return known

    def narrower(self, type_name: str, selections: Selections) -> tuple[Fragment, ...]:
        """Return the fragments that hold for some objects of an abstract type, not for all."""
        possible = self.moves.possible(type_name)
        found: list[Fragment] = []
        for item in selections:
            if isinstance(item, Fragment):
                if self.covers(item.type, type_name, possible):
                    found += self.narrower(type_name, item.selections)
                elif possible & self.moves.possible(item.type or type_name):
                    found.append(item)
        return tuple(found)

    def joined(self, parts: list[Selections]) -> Selections:
        """Return several selections as one, the same tuple for the same parts."""
        unique = list({id(part): part for part in parts if part}.values())
        if len(unique) <= 1:
            return unique[0] if unique else ()
        key = tuple(id(part) for part in unique)
        known = self._merged.get(key)
        if known is None:
            known = tuple(item for part in unique for item in part)
            self._merged[key] = known
            self._kept += unique
        return known

    def single(self, item: Selection) -> Selections:
        """Return one selection alone, the same tuple every time."""
        return self._singles.setdefault(id(item), (item,))

    def _collect(
        self,
        type_name: str,
        possible: frozenset[str],
        selections: Selections,
        guard: Guard,
        found: dict[str, list[Field]],
    ) -> None:
        self.budget.expand(len(selections))
        for item in selections:
            joint = both(guard, item.guard)
            if joint is None:
                continue
            if isinstance(item, Field):
                field = item if joint == item.guard else replace(item, guard=joint)
                found.setdefault(item.key, []).append(field)
            elif self.covers(item.type, type_name, possible):
                self._collect(type_name, possible, item.selections, joint, found)

    def covers(self, condition: str | None, type_name: str, possible: frozenset[str]) -> bool:
        """Tell whether every object of a type meets a type condition by declaration."""
        if condition is None or condition == type_name:
            return True
        if self.moves.is_abstract(type_name) and not self.moves.is_abstract(condition):
            return False  # all objects happen to be of that type; a subgraph may know more of them
        return possible <= self.moves.possible(condition)

    def _merge(self, items: list[Field]) -> Field:
        first = items[0]
        if len(items) == 1:
            return first
        guard = first.guard
        for item in items[1:]:
            guard = either(guard, item.guard)
        if all(item.guard == first.guard for item in items):
            parts = [item.selections for item in items]
        else:  # each occurrence keeps its own condition, one level down
            parts = [
                (Fragment(None, item.guard, item.selections),) if item.guard else item.selections
                for item in items
                if item.selections
            ]
        variables = frozenset().union(*(item.variables for item in items))
        return replace(first, guard=guard, selections=self.joined(parts), variables=variables)


def has_typename(selections: Selections) -> bool:
    """Tell whether `__typename` is asked for right here."""
    return any(
        item.name == "__typename" if isinstance(item, Field) else has_typename(item.selections)
        for item in selections
    )


__all__ = ["Selecting", "Selection", "has_typename"]
