"""Collects the fields that a selection means for one type, as CollectFields of the specification.

Fragments are resolved, and fields with equal response keys are merged.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.operation import Field, Fragment, Guard, Selection
from gateway.planning.budget import Budget
from gateway.planning.guards import both, either
from gateway.planning.query_graph import QueryGraph, Selections

_FLATTEN = 10  # what flattening one selection set costs, in steps of the budget


class FieldCollector:
    """Collect fields by type and remember every answer.

    Selections are compared by identity: equal questions get the very same tuple back, so callers
    may use the `id()` of an answer as a key for as long as this object lives.
    """

    def __init__(self, query_graph: QueryGraph, budget: Budget) -> None:
        self.query_graph = query_graph
        self.budget = budget
        self._fields: dict[tuple[str, int], dict[str, Field]] = {}
        self._joined: dict[tuple[int, ...], Selections] = {}
        self._singles: dict[int, Selections] = {}
        self._alive: list[object] = []  # keeps objects alive whose `id` is part of a key

    def collect(self, type_name: str, selections: Selections) -> dict[str, Field]:
        """Return the fields that are selected of an object of this type, by response key."""
        key = (type_name, id(selections))
        fields = self._fields.get(key)
        if fields is None:
            grouped: dict[str, list[Field]] = {}
            self.budget.expand(_FLATTEN)
            possible = self.query_graph.possible_types(type_name)
            self._collect(type_name, possible, selections, (), grouped)
            fields = {name: self._merge(items) for name, items in grouped.items()}
            self._fields[key] = fields
            self._alive.append(selections)
        return fields

    def narrowing_fragments(self, type_name: str, selections: Selections) -> tuple[Fragment, ...]:
        """Return the fragments that hold for some objects of an abstract type, not for all."""
        possible = self.query_graph.possible_types(type_name)
        fragments: list[Fragment] = []
        for item in selections:
            if isinstance(item, Fragment):
                if self.covers(item.type, type_name, possible):
                    fragments += self.narrowing_fragments(type_name, item.selections)
                elif possible & self.query_graph.possible_types(item.type or type_name):
                    fragments.append(item)
        return tuple(fragments)

    def join(self, parts: list[Selections]) -> Selections:
        """Return several selections joined, the same tuple for the same parts."""
        unique = list({id(part): part for part in parts if part}.values())
        if len(unique) <= 1:
            return unique[0] if unique else ()
        key = tuple(id(part) for part in unique)
        joined = self._joined.get(key)
        if joined is None:
            joined = tuple(item for part in unique for item in part)
            self._joined[key] = joined
            self._alive += unique
        return joined

    def single(self, item: Selection) -> Selections:
        """Return one selection alone, the same tuple every time."""
        return self._singles.setdefault(id(item), (item,))

    def _collect(
        self,
        type_name: str,
        possible: frozenset[str],
        selections: Selections,
        guard: Guard,
        grouped: dict[str, list[Field]],
    ) -> None:
        """Add the fields of a selection to the groups of their response keys."""
        self.budget.expand(len(selections))
        for item in selections:
            joint = both(guard, item.guard)
            if joint is None:
                continue
            if isinstance(item, Field):
                field = item if joint == item.guard else replace(item, guard=joint)
                grouped.setdefault(item.key, []).append(field)
            elif self.covers(item.type, type_name, possible):
                self._collect(type_name, possible, item.selections, joint, grouped)

    def covers(self, condition: str | None, type_name: str, possible: frozenset[str]) -> bool:
        """Return whether the declarations make every object of a type meet a type condition."""
        if condition is None or condition == type_name:
            return True
        if self.query_graph.is_abstract(type_name) and not self.query_graph.is_abstract(condition):
            return False  # all objects happen to be of that type; a subgraph may have more types
        return possible <= self.query_graph.possible_types(condition)

    def _merge(self, items: list[Field]) -> Field:
        """Merge fields of one response key."""
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
        return replace(first, guard=guard, selections=self.join(parts), variables=variables)


def has_typename(selections: Selections) -> bool:
    """Return whether `__typename` is selected at this level."""
    return any(
        item.name == "__typename" if isinstance(item, Field) else has_typename(item.selections)
        for item in selections
    )


__all__ = ["FieldCollector", "Selection", "has_typename"]
