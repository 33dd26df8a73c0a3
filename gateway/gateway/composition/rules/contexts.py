"""A context is set above wherever it is used, and one value of the right type is taken from it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.composition.across import Across
from gateway.composition.contexts import setters, use_of
from gateway.composition.field_sets import parsed
from gateway.composition.parts import Graph, Input, Output, Type
from gateway.errors import Problem
from gateway.operation import Field, Fragment, Selection


def check(across: Across) -> Iterator[Problem]:
    """Yield a problem for every context without a good name, and every argument that takes none."""
    for graph in across.graphs:
        known = setters(graph)
        for name, types in known.items():
            if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*", name):
                yield Problem(
                    "CONTEXT_NAME_INVALID",
                    f'"{name}" is no name for a context.',
                    "Use letters and digits only, no underscore.",
                    (graph.name,),
                    types[0],
                )
        for kind, field in graph.outputs():
            for argument in field.contextual.values():
                yield from _Use(graph, kind, field, argument).problems(known)
    if any(field.contextual for graph in across.graphs for _, field in graph.outputs()):
        yield from _plain_elsewhere(across)


class _Use:
    def __init__(self, graph: Graph, kind: Type, field: Output, argument: Input) -> None:
        self.graph = graph
        self.kind = kind
        self.field = field
        self.argument = argument

    def problem(self, code: str, message: str, mend: str) -> Problem:
        coordinate = f"{self.kind.name}.{self.field.name}({self.argument.name}:)"
        return Problem(code, message, mend, (self.graph.name,), coordinate)

    def problems(self, known: dict[str, list[str]]) -> Iterator[Problem]:
        yield from self.misplaced()
        use = use_of(self.argument)
        if use is None:
            yield self.problem(
                "NO_CONTEXT_IN_SELECTION",
                "@fromContext does not say which context it takes what from.",
                'Write the context and one field: @fromContext(field: "$user { locale }").',
            )
            return
        context, selection = use
        if context not in known:
            yield self.problem(
                "CONTEXT_NOT_SET",
                f"No type of this subgraph sets the context {context}.",
                f'Put @context(name: "{context}") on a type above {self.kind.name}.',
            )
            return
        for name in known[context]:
            if (why := self.misfit(name, selection)) is not None:
                yield self.problem(
                    "CONTEXT_INVALID_SELECTION",
                    f'"{selection.strip()}" does not fit {name}, which sets {context}: {why}.',
                    "Select exactly one field of the argument's type, for each type that sets the "
                    "context.",
                )
        yield from self.unused(context, selection, known[context])

    def misplaced(self) -> Iterator[Problem]:
        if self.kind.kind != "OBJECT":
            yield self.problem(
                "CONTEXT_NOT_SET",
                "@fromContext cannot stand in an interface.",
                "Put it on the objects that implement the interface.",
            )
            return
        for name in self.kind.interfaces:
            interface = self.graph.types.get(name)
            if interface is not None and self.field.name in interface.fields:
                yield self.problem(
                    "CONTEXT_NOT_SET",
                    f"The field implements {name}.{self.field.name}, so its arguments are clients'.",
                    "Take the value in a field that no interface declares.",
                )
        if self.argument.default is not None:
            yield self.problem(
                "CONTEXT_NOT_SET",
                "The argument has a default value that would never be used.",
                "Remove the default value.",
            )
        if not any(resolvable for _, resolvable in self.kind.keys):
            yield self.problem(
                "CONTEXT_NO_RESOLVABLE_KEY",
                f"{self.kind.name} cannot be entered to give the argument its value.",
                f"Give {self.kind.name} a resolvable @key here.",
            )

    def unused(self, context: str, text: str, setters: list[str]) -> Iterator[Problem]:
        possible = frozenset().union(*(self.graph.possible(name) for name in setters))
        for item in parsed(text) or ():
            if isinstance(item, Fragment) and item.type not in possible:
                yield self.problem(
                    "CONTEXT_INVALID_SELECTION",
                    f"No {item.type} sets the context {context}, so the fragment on it is never used.",
                    "Remove the fragment, or name a type that sets the context.",
                )

    def misfit(self, setter: str, text: str) -> str | None:
        """Return why a selection is not one value of a type, None if it is."""
        selections = parsed(text)
        if not selections:
            return "it is not a selection"
        if "@" in text:
            return "aliases and directives are not allowed"
        if all(isinstance(item, Fragment) for item in selections):
            return self._by_type(setter, selections)
        return self._one(setter, selections)

    def _by_type(self, setter: str, selections: tuple[Selection, ...]) -> str | None:
        possible = self.graph.possible(setter)
        conditions = [item.type for item in selections if isinstance(item, Fragment)]
        if len(set(conditions)) < len(conditions):
            return "two fragments are of the same type"
        matching = [
            item for item in selections if isinstance(item, Fragment) and item.type in possible
        ]
        if {item.type for item in matching} != possible:
            return "no fragment is of that type"
        found = (self._one(item.type or setter, item.selections) for item in matching)
        return next((why for why in found if why is not None), None)

    def _one(self, type_name: str, selections: tuple[Selection, ...]) -> str | None:
        kind = self.graph.types.get(type_name)
        (first, *others) = selections
        if others or not isinstance(first, Field):
            return "more than one field is selected"
        if first.key != first.name or first.directives or first.guard:
            return "aliases and directives are not allowed"
        if kind is None or first.name not in kind.fields:
            return f"{type_name} has no field {first.name}"
        if kind.interface_object:
            return f"{type_name} is an @interfaceObject"
        output = kind.fields[first.name]
        below = self.graph.types.get(output.named)
        if below is not None and below.kind in ("OBJECT", "INTERFACE", "UNION"):
            if not first.selections:
                return f"{first.name} is an object"
            return self._one(output.named, first.selections)
        if first.selections:
            return f"{first.name} has no fields"
        if not _fits(output.type, self.argument.type):
            return f"{first.name} is {output.type}, the argument {self.argument.type}"
        return None


def _fits(given: str, wanted: str) -> bool:
    """Tell whether every value of one type is good for another."""
    if wanted.endswith("!"):
        return given.endswith("!") and _fits(given[:-1], wanted[:-1])
    given = given.removesuffix("!")
    if wanted.startswith("["):
        return given.startswith("[") and _fits(given[1:-1], wanted[1:-1])
    return given == wanted


def _plain_elsewhere(across: Across) -> Iterator[Problem]:
    for name in across.sides:
        for field, sides in across.fields(name).items():
            contextual = {argument for _, item in sides for argument in item.contextual}
            for graph, item in sides:
                for argument in contextual & set(item.arguments):
                    if item.arguments[argument].required:
                        yield Problem(
                            "CONTEXTUAL_ARGUMENT_NOT_CONTEXTUAL_IN_ALL_SUBGRAPHS",
                            "Another subgraph takes the argument from a context, so no client can "
                            "give it, but it is required here.",
                            "Take it from a context here too, or make it optional.",
                            (graph.name,),
                            f"{name}.{field}({argument}:)",
                        )
