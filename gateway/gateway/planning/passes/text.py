"""Prints what a request asks: once for the subgraph, once for human eyes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gateway.plan import ALWAYS, Guard
from gateway.planning.draft import Asked, Asking
from gateway.planning.guards import spoken
from gateway.planning.moves import Moves


class Printer:
    """Prints selections for one subgraph."""

    def __init__(self, moves: Moves, graph: str) -> None:
        self.moves = moves
        self.graph = graph
        self._parts: dict[int, list[str]] = {}

    def selection(self, asking: Asking) -> str:
        """Return a selection set on one line, braces included."""
        return "{" + " ".join(self.parts(asking)) + "}"

    def parts(self, asking: Asking) -> list[str]:
        """Return the parts of a selection set; what all types share is asked once."""
        known = self._parts.get(id(asking))
        if known is None:
            known = self._parts[id(asking)] = self._find_parts(asking)
        return known

    def _find_parts(self, asking: Asking) -> list[str]:
        typed = {name: self.parts(below) for name, below in asking.on.items() if not below.empty}
        shared = self._shared(asking, typed)
        own = dict.fromkeys(text for item in asking.fields.values() for text in self.field(item))
        out = ["__typename"] if asking.typename or not (own or typed) else []
        out += own
        out += [text for text in shared if text not in own]
        for name, texts in typed.items():
            rest = [text for text in texts if text not in shared and text not in own]
            if rest:
                out.append(f"... on {name} {{{' '.join(rest)}}}")
        return out

    def field(self, item: Asked) -> Iterator[str]:
        """Yield a field, once for each way in which its guard can hold."""
        alias = f"{item.source}: " if item.source != item.name else ""
        directives = f" {item.directives}" if item.directives else ""
        below = f" {self.selection(item.below)}" if item.below is not None else ""
        yield from guarded(
            f"{alias}{item.name}{item.arguments}{directives}", below, spoken(item.guard)
        )

    def _shared(self, asking: Asking, typed: Mapping[str, list[str]]) -> dict[str, None]:
        view = self.moves.view(self.graph, asking.type)
        if view is None or view.kind != "INTERFACE" or len(typed) < 2:
            return {}
        if set(typed) != view.members:
            return {}
        asked = {
            text: item.name
            for item in next(iter(asking.on.values())).fields.values()
            for text in self.field(item)
        }
        first, *others = typed.values()
        return dict.fromkeys(
            text
            for text in first
            if all(text in other for other in others)
            and (known := view.fields.get(asked.get(text, ""))) is not None
            and self.moves.counts(known)
        )


def guarded(field: str, below: str, guard: Guard) -> Iterator[str]:
    """Yield a field once for each way in which its guard can hold.

    A directive may stand only once at one place: further ones go to fragments around the field.
    """
    if guard == ALWAYS:
        yield f"{field}{below}"
    for tests in guard:
        around: list[str] = []
        own: dict[bool, str] = {}
        for name, wanted in tests:
            text = f" @{'include' if wanted else 'skip'}(if: ${name})"
            if wanted in own:
                around.append(f"...{text} {{")
            else:
                own[wanted] = text
        yield "".join(around) + field + "".join(own.values()) + below + "}" * len(around)


def variables(asking: Asking) -> Iterator[str]:
    """Yield the variables that a selection mentions, guards included."""
    for item in asking.fields.values():
        yield from sorted(item.variables)
        yield from guard_variables(spoken(item.guard))
        if item.below is not None:
            yield from variables(item.below)
    for below in asking.on.values():
        yield from variables(below)


def guard_variables(guard: Guard) -> Iterator[str]:
    """Yield the variables of a guard."""
    for tests in guard:
        for name, _ in tests:
            yield name
