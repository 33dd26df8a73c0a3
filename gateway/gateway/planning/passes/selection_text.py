"""Prints the selection sets of requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gateway.plan import ALWAYS, Guard
from gateway.planning.fetch_group import SelectedField, SelectionSet
from gateway.planning.guards import without_deferrals
from gateway.planning.query_graph import QueryGraph


class Printer:
    """Print selection sets for one subgraph."""

    def __init__(self, query_graph: QueryGraph, graph: str) -> None:
        self.query_graph = query_graph
        self.graph = graph
        self._parts: dict[int, list[str]] = {}

    def selection(self, selection: SelectionSet) -> str:
        """Return a selection set on one line, braces included."""
        return "{" + " ".join(self.parts(selection)) + "}"

    def parts(self, selection: SelectionSet) -> list[str]:
        """Return the parts of a selection set; fields of all types are selected once."""
        parts = self._parts.get(id(selection))
        if parts is None:
            parts = self._parts[id(selection)] = self._find_parts(selection)
        return parts

    def _find_parts(self, selection: SelectionSet) -> list[str]:
        typed = {name: self.parts(below) for name, below in selection.on.items() if not below.empty}
        shared = self._shared(selection, typed)
        own = dict.fromkeys(text for item in selection.fields.values() for text in self.field(item))
        out = ["__typename"] if selection.typename or not (own or typed) else []
        out += own
        out += [text for text in shared if text not in own]
        for name, texts in typed.items():
            rest = [text for text in texts if text not in shared and text not in own]
            if rest:
                out.append(f"... on {name} {{{' '.join(rest)}}}")
        return out

    def field(self, item: SelectedField) -> Iterator[str]:
        """Yield a field, once for each way in which its guard can hold."""
        alias = f"{item.source}: " if item.source != item.name else ""
        directives = f" {item.directives}" if item.directives else ""
        below = f" {self.selection(item.below)}" if item.below is not None else ""
        yield from guarded(
            f"{alias}{item.name}{item.arguments}{directives}", below, without_deferrals(item.guard)
        )

    def _shared(self, selection: SelectionSet, typed: Mapping[str, list[str]]) -> dict[str, None]:
        """Return the fields that an interface can be asked instead of each of its members."""
        view = self.query_graph.view(self.graph, selection.type)
        if view is None or view.kind != "INTERFACE" or len(typed) < 2:
            return {}
        if set(typed) != view.members:
            return {}
        names = {
            text: item.name
            for item in next(iter(selection.on.values())).fields.values()
            for text in self.field(item)
        }
        first, *others = typed.values()
        return dict.fromkeys(
            text
            for text in first
            if all(text in other for other in others)
            and (field := view.fields.get(names.get(text, ""))) is not None
            and self.query_graph.resolves(field)
        )


def guarded(field: str, below: str, guard: Guard) -> Iterator[str]:
    """Yield a field once for each way in which its guard can hold.

    A directive may be used once at one place: further ones go to fragments around the field.
    """
    if guard == ALWAYS:
        yield f"{field}{below}"
    for tests in guard:
        around: list[str] = []
        own: dict[bool, str] = {}
        for name, value in tests:
            text = f" @{'include' if value else 'skip'}(if: ${name})"
            if value in own:
                around.append(f"...{text} {{")
            else:
                own[value] = text
        yield "".join(around) + field + "".join(own.values()) + below + "}" * len(around)


def variables(selection: SelectionSet) -> Iterator[str]:
    """Yield the variables that a selection set uses, guards included."""
    for item in selection.fields.values():
        yield from sorted(item.variables)
        yield from guard_variables(without_deferrals(item.guard))
        if item.below is not None:
            yield from variables(item.below)
    for below in selection.on.values():
        yield from variables(below)


def guard_variables(guard: Guard) -> Iterator[str]:
    """Yield the variables of a guard."""
    for tests in guard:
        for name, _ in tests:
            yield name
