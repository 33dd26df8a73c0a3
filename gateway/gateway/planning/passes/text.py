"""Prints what a request asks: once for the subgraph, once for human eyes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from gateway.plan import ALWAYS, Guard
from gateway.planning.draft import Asked, Asking
from gateway.planning.moves import Moves


class Printer:
    """Prints selections for one subgraph."""

    def __init__(self, moves: Moves, graph: str) -> None:
        self.moves = moves
        self.graph = graph

    def selection(self, asking: Asking) -> str:
        """Return a selection set on one line, braces included."""
        return "{" + " ".join(self.parts(asking)) + "}"

    def parts(self, asking: Asking) -> list[str]:
        """Return the parts of a selection set; what all types share is asked once."""
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
        yield from guarded(f"{alias}{item.name}{item.arguments}{directives}", below, item.guard)

    def _shared(self, asking: Asking, typed: Mapping[str, list[str]]) -> dict[str, None]:
        view = self.moves.view(self.graph, asking.type)
        if view is None or view.kind != "INTERFACE" or len(typed) < 2:
            return {}
        if set(typed) != view.members:
            return {}
        asked = {
            text: item.name
            for below in asking.on.values()
            for item in below.fields.values()
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
        yield from guard_variables(item.guard)
        if item.below is not None:
            yield from variables(item.below)
    for below in asking.on.values():
        yield from variables(below)


def guard_variables(guard: Guard) -> Iterator[str]:
    """Yield the variables of a guard."""
    for tests in guard:
        for name, _ in tests:
            yield name


def pretty(text: str) -> str:
    """Return a one-line selection set over several lines."""
    return "\n".join(_lines(_words(text)))


def _words(text: str) -> Iterator[str]:
    """Split at braces of selection sets and at the spaces between fields, not inside arguments."""
    word, depth, quoted = "", 0, False
    for index, char in enumerate(text):
        if char == '"' and text[index - 1] != "\\":
            quoted = not quoted
        if not quoted:
            depth += (char == "(") - (char == ")")
        if depth == 0 and not quoted and char in "{} ":
            if word:
                yield word
            word = ""
            if char != " ":
                yield char
        else:
            word += char
    if word:
        yield word


def _lines(words: Iterable[str]) -> Iterator[str]:
    indent, line = 0, ""
    for word in words:
        if word == "{":
            yield f"{'  ' * indent}{line} {{" if line else f"{'  ' * indent}{{"
            line, indent = "", indent + 1
            continue
        joins = line.endswith(":") or line.startswith("...") or word.startswith("@")
        if word != "}" and line and joins:
            line = f"{line} {word}"
            continue
        if line:
            yield f"{'  ' * indent}{line}"
        line = ""
        if word == "}":
            indent -= 1
            yield f"{'  ' * indent}}}"
        else:
            line = word
    if line:
        yield f"{'  ' * indent}{line}"
